//! The caller's own role: `whoami`.

use crate::control::reply::{RoleMay, Whoami};
use crate::domain::action::{Action, Role};
use crate::domain::event::Operator;

use super::Answerer;

impl Answerer {
    pub(super) fn whoami(&self, operator: &Operator, can: Option<Action>) -> Whoami {
        let commands = |wanted: &dyn Fn(Role) -> bool| -> Vec<String> {
            let specs = Action::ALL.iter().map(|action| action.spec());
            let specs = specs.filter(|spec| spec.least > Role::Web);
            specs
                .filter(|spec| wanted(spec.least))
                .map(|spec| spec.name.to_owned())
                .collect()
        };
        let others = Role::ALL.into_iter().filter(|role| *role > operator.role);
        let least = can.map(|action| action.spec().least);
        Whoami {
            uid: operator.uid,
            name: operator.name.to_string(),
            host: self.surroundings.hostname.clone(),
            role: operator.role.name().to_owned(),
            through: String::new(),
            may: commands(&|least| least <= operator.role),
            others: others
                .map(|role| RoleMay {
                    role: role.name().to_owned(),
                    commands: commands(&|least| least == role),
                    who: self.who(role),
                })
                .collect(),
            notes: vec!["nobody unlocks or grants passthrough to himself".to_owned()],
            can: least.map(|least| operator.role >= least),
            need: least
                .filter(|least| operator.role < *least)
                .map(|least| self.need(operator, least)),
        }
    }
}
