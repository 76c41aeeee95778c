//! Gateways: `gateway list`, `gateway show`.

use crate::access::{Statistics, WINDOW_MINUTES};
use crate::config::Gateway;
use crate::control::reply::{
    GatewayList, GatewayRow, GatewayShow, NamedCount, Reply, Strangers, Warning,
};
use crate::domain::policy::Otherwise;
use crate::domain::refusal::Refusal;
use crate::time::Now;

use super::desk::no_gateway;
use super::{Answerer, warnings};

/// The span that the numbers of gateways are about, in seconds.
pub(super) const WINDOW_S: u64 = WINDOW_MINUTES as u64 * 60;

impl Answerer {
    pub(super) fn gateway_list(&self) -> GatewayList {
        let (statistics, now) = (self.front.access().statistics(), self.clock.now());
        GatewayList {
            window_s: WINDOW_S,
            rows: self.gateway_rows(&statistics, now),
            strangers: strangers(&statistics, now),
        }
    }

    /// One line for each gateway, in the order of the configuration.
    pub(super) fn gateway_rows(&self, statistics: &Statistics, now: Now) -> Vec<GatewayRow> {
        let config = self.config.load();
        config
            .gateways
            .iter()
            .map(|gateway| {
                row(
                    gateway,
                    statistics,
                    self.warnings_of(gateway, statistics),
                    now,
                )
            })
            .collect()
    }

    /// What is wrong with gateways.
    pub(super) fn gateway_warnings(&self, statistics: &Statistics) -> Vec<Warning> {
        let config = self.config.load();
        let all = config
            .gateways
            .iter()
            .flat_map(|gateway| self.warnings_of(gateway, statistics));
        all.collect()
    }

    fn warnings_of(&self, gateway: &Gateway, statistics: &Statistics) -> Vec<Warning> {
        let failing = self.alarms.failing(&gateway.policy.name, self.clock.now());
        warnings::of_gateway(gateway, counts(gateway, statistics), failing)
    }

    pub(super) fn gateway_show(&self, name: &str) -> Result<Reply, Refusal> {
        let config = self.config.load();
        let mut gateways = config.gateways.iter();
        let Some(gateway) = gateways.find(|gateway| *gateway.policy.name == *name) else {
            let names = config.gateways.iter().map(|gateway| &*gateway.policy.name);
            return Err(no_gateway(name, crate::config::nearest(name, names)));
        };
        let (statistics, now) = (self.front.access().statistics(), self.clock.now());
        let warnings = self.warnings_of(gateway, &statistics);
        Ok(Reply::GatewayShow(Box::new(show(
            gateway,
            &statistics,
            warnings,
            now,
        ))))
    }
}

/// Packets from addresses that are no gateway; none if there were none.
pub(super) fn strangers(statistics: &Statistics, now: Now) -> Option<Strangers> {
    let rows = &statistics.strangers.rows;
    if rows.is_empty() {
        return None;
    }
    let others = &statistics.strangers.others;
    let last = rows
        .values()
        .chain(std::iter::once(others))
        .filter_map(|row| row.last)
        .max();
    Some(Strangers {
        addresses: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        last: last.map(Into::into),
        packets: statistics.strangers_window.sum(now).packets,
        warning: Some("W012".to_owned()),
    })
}

fn counts<'a>(
    gateway: &Gateway,
    statistics: &'a Statistics,
) -> Option<&'a crate::access::GatewayStatistics> {
    let mut all = statistics.gateways.iter();
    all.find(|(name, _)| *name == gateway.policy.name)
        .map(|(_, counts)| counts)
}

fn row(gateway: &Gateway, statistics: &Statistics, warnings: Vec<Warning>, now: Now) -> GatewayRow {
    let known = counts(gateway, statistics);
    let window = known.map(|known| known.window.sum(now)).unwrap_or_default();
    let numbers = warnings.into_iter().map(|warning| warning.number);
    GatewayRow {
        name: gateway.policy.name.to_string(),
        addresses: gateway.addresses.iter().map(ToString::to_string).collect(),
        last: known.and_then(|known| known.last_seen).map(Into::into),
        accepts: window.accepts,
        rejects: window.rejects,
        challenges: window.challenges,
        drops: window.drops,
        p99_us: None,
        warnings: numbers.collect(),
    }
}

fn show(
    gateway: &Gateway,
    statistics: &Statistics,
    warnings: Vec<Warning>,
    now: Now,
) -> GatewayShow {
    let policy = &gateway.policy;
    let known = counts(gateway, statistics).cloned().unwrap_or_default();
    let otherwise = |otherwise: Otherwise| match otherwise {
        Otherwise::Reject => "reject".to_owned(),
        Otherwise::Passthrough => "passthrough".to_owned(),
        Otherwise::Enroll => "enroll".to_owned(),
    };
    let count = |name: &str, count| NamedCount {
        name: name.to_owned(),
        count,
    };
    let kinds = policy.allowed_kinds.iter().flatten();
    GatewayShow {
        row: row(gateway, statistics, warnings.clone(), now),
        window_s: WINDOW_S,
        first_factor: policy.first_factor.name().to_owned(),
        passcode: policy.passcode.name().to_owned(),
        unknown_user: otherwise(policy.unknown_user),
        unenrolled: otherwise(policy.unenrolled),
        allow_passthrough: policy.allow_passthrough,
        allowed_kinds: kinds.map(|kind| kind.name().to_owned()).collect(),
        reply_detail: if policy.helpful { "helpful" } else { "generic" }.to_owned(),
        show_accept_message: policy.show_accept_message,
        strip_domain: policy.strip_domain.clone(),
        same_code_grace_s: policy.same_code_grace.as_secs(),
        reject_delay_ms: u64::try_from(policy.reject_delay.as_millis()).unwrap_or(u64::MAX),
        reject_on_internal_error: policy.reject_on_internal_error,
        require_message_authenticator: gateway.require_message_authenticator,
        signed: known.signed,
        unsigned: known.unsigned,
        last_signed: known.last_signed.map(Into::into),
        dropped: known
            .drops
            .iter()
            .map(|(reason, n)| count(reason.name(), n))
            .collect(),
        refused: if known.rejects > 0 {
            vec![count("all", known.rejects)]
        } else {
            Vec::new()
        },
        secret_octets: u64::try_from(gateway.secret.expose().len()).unwrap_or(u64::MAX),
        warnings,
    }
}
