//! Stories that seeds have found, told on purpose: the laws of every run decide about them, too.

use std::time::Duration;

use super::judging::{Asking, First};
use super::linking::{For, Page, Taken};
use super::orders::Order;
use super::person::{Device, Kind};
use super::run::{Law, Run};
use super::traffic::law;

/// alice, who has a TOTP token and a PIN, and bob.
const ALICE: usize = 0;
const BOB: usize = 1;

/// Tells one, from a start with people who are settled.
fn told(story: impl Fn(&mut Run) -> Law) {
    let mut run = Run::new(3, None, None);
    run.site.pin_memory = 0;
    for door in &mut run.site.doors[..3] {
        door.asking = Asking::Never;
    }
    let settled = run.birth(true).and_then(|()| run.settle_people());
    settled.and_then(|()| story(&mut run)).unwrap();
}

/// Orders are given and carried out, one after the other.
fn ordered(run: &mut Run, person: usize, orders: impl IntoIterator<Item = Order>) -> Law {
    for order in orders {
        run.order(person, order)?;
        run.turn(usize::MAX)?;
    }
    Ok(())
}

// Found by a seed: a sign-in waited for the check of its PIN while its person was deleted and another
// got the name. When the new record had come to the revision of the old one, what had been found of
// the old one was taken for it: a token that nobody has any more. The right code was refused.
#[test]
fn a_name_is_not_judged_by_what_was_found_of_who_had_it_before() {
    told(|run| {
        let pin = run
            .site
            .doors
            .iter()
            .position(|door| door.first == First::Pin);
        let typed = |run: &mut Run| {
            let token = &run.records.people[ALICE].tokens[0];
            let now = run.outside.true_now();
            let code = super::person::code_of(&token.seed, super::person::step_at(now.wall.0));
            [b"402817", code.as_bytes()].concat()
        };
        let passcode = typed(run);
        let revision = run.records.people[ALICE].revision;
        run.sign_in(ALICE, pin.unwrap(), &passcode)?;
        let device = Device::numbered(1);
        assert_eq!(device.kind, Kind::Totp);
        let import = Order::Import {
            device,
            next: 0,
            import: 1,
        };
        let grant = Order::Grant { ms: 60_000 };
        ordered(run, ALICE, [Order::Delete, Order::Add, import, grant])?;
        law(run.records.people[ALICE].revision == revision, || {
            format!("not at revision {revision} of the old one: {:?}", run.seen)
        })?;
        run.drain()
    });
}

// Found by a seed: a device was ordered from the pool while its owner still had it, and came into the
// pool before the order was judged. The seed for it had been made by then, out of nothing: the token
// could not sign in, and the pool had given away the seed of the device.
#[test]
fn a_device_keeps_its_seed_on_the_way_through_the_pool() {
    told(|run| {
        let device = || Device::numbered(2);
        let assign = || Order::Assign {
            device: device(),
            next: 0,
        };
        run.order(BOB, Order::Unassign(device().serial))?;
        run.order(ALICE, assign())?;
        run.drain()?;
        let in_pool = |run: &Run| run.records.pool.contains_key(&device().serial);
        assert!(in_pool(run), "it was given away with a seed of its own");
        ordered(run, ALICE, [assign()])?;
        assert!(!in_pool(run));
        Ok(())
    });
}

// Found by a seed: a link to confirm an address was used after another link had proven the address. It
// was used up, and the log said nothing of it; the answer named a record that was another's.
#[test]
fn a_link_that_proves_nothing_new_is_used_up_and_recorded() {
    told(|run| {
        let first = |run: &Run, what| {
            let mut links = run.records.people[ALICE].links.iter();
            let link = links.find(|link| link.what == what);
            link.and_then(|link| link.secret.clone()).unwrap()
        };
        let code = Order::GenerateAuthCode {
            ms: 60_000,
            force: true,
        };
        ordered(run, ALICE, [Order::Show, Order::SendLink, code])?;
        let alice = &run.records.people[ALICE];
        let code = alice.auth_code.as_ref().and_then(|code| code.text.clone());
        let step = Taken::Begin {
            name: "alice".to_owned(),
            code: code.unwrap(),
        };
        let confirm = first(run, For::Confirm);
        let secret = first(run, For::Enrol);
        ordered(run, ALICE, [Order::Page(Page { secret, step })])?;
        assert!(run.records.people[ALICE].proven);
        let page = Page {
            secret: confirm,
            step: Taken::Confirm,
        };
        ordered(run, ALICE, [Order::Page(page)])?;
        let mut links = run.records.people[ALICE].links.iter();
        assert!(links.all(|link| link.what == For::Prove));
        Ok(())
    });
}

// Found by looking at the model: a phone that was found to be fast in the time that a restore has lost
// had used codes of the future. The fence allowed for the clock as the backup knew it, so these codes
// were good again some minutes later.
#[test]
fn a_fast_device_gets_no_code_back_with_a_backup() {
    told(|run| {
        run.save();
        let gateway = 0;
        let code = |run: &Run, ahead: u64| {
            let token = &run.records.people[ALICE].tokens[0];
            let step = super::person::step_at(run.outside.true_now().wall.0);
            super::person::code_of(&token.seed, step + ahead).into_bytes()
        };
        for ahead in 1..=4 {
            let typed = code(run, ahead);
            run.sign_in(ALICE, gateway, &typed)?;
            run.drain()?;
        }
        let used = code(run, 4);
        law(run.records.people[ALICE].tokens[0].drift == 4, || {
            "the phone is not known to be fast".to_owned()
        })?;
        run.stop()?;
        run.put_back()?;
        run.outside.pass(Duration::from_secs(90));
        run.sign_in(ALICE, gateway, &used)?;
        run.drain()
    });
}
