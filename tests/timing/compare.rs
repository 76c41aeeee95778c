//! Whether two lists of times come from the same hat.

/// The rank sum test of Mann and Whitney, two-sided, with ties corrected: how likely two lists of
/// the same hat differ at least so much.
pub(crate) fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut rank_sum, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..].iter().take_while(|it| it.0 <= all[at].0).count();
        let rank = count(2 * at + same + 1) / 2.0;
        let ours = all[at..at + same].iter().filter(|(_, one)| *one).count();
        rank_sum += rank * count(ours);
        ties += count(same).powi(3) - count(same);
        at += same;
    }
    let (m, n) = (count(one.len()), count(other.len()));
    let total = m + n;
    let u = rank_sum - m * (m + 1.0) / 2.0;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (u - m * n / 2.0) / variance.sqrt();
    two_sided(z)
}

/// Holm's correction: each as if it were the only comparison that was made.
pub(crate) fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
    let (mut adjusted, mut least) = (vec![1.0; ps.len()], 0.0_f64);
    for (place, at) in order.into_iter().enumerate() {
        least = least.max((ps[at] * count(ps.len() - place)).min(1.0));
        adjusted[at] = least;
    }
    adjusted
}

/// The value below which this share of a sorted list lies.
pub(crate) fn quantile(sorted: &[f64], of_thousand: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * of_thousand / 1_000)
        .copied()
        .unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Both tails of the normal distribution beyond `z`: erfc by continued fraction or series.
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    if x < 2.0 {
        // erf(x) = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= 2.0 * x * x / count(2 * n + 1);
            sum += term;
        }
        return (1.0 - std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum).clamp(0.0, 1.0);
    }
    let mut fraction = 0.0;
    for n in (1..80).rev() {
        fraction = count(n) / 2.0 / (x + fraction);
    }
    (-x * x).exp() / (x + fraction) * std::f64::consts::FRAC_2_SQRT_PI / 2.0
}

#[test]
fn the_comparison_knows_the_same_from_the_different() {
    let first: Vec<f64> = (1..=10).map(count).collect();
    let second: Vec<f64> = (11..=20).map(count).collect();
    // No overlap at all: U = 0, z = -50 / sqrt(175).
    let apart = mann_whitney(&first, &second);
    assert!((apart - 0.000_157).abs() < 0.000_001, "{apart}");
    assert!((mann_whitney(&first, &first) - 1.0).abs() < 1e-9);
    assert!((two_sided(1.959_964) - 0.05).abs() < 1e-6);
    assert!((two_sided(3.290_527) - 0.001).abs() < 1e-8);
    // A tenth of a millisecond in a spread of two is seen in a few thousand.
    let mut chance = crate::common::chance::Chance::new("compare");
    let mut draw = |later: f64| -> Vec<f64> {
        (0..4_000)
            .map(|_| later + count(chance.below(2_000)))
            .collect()
    };
    let (one, same, later) = (draw(0.0), draw(0.0), draw(100.0));
    assert!(mann_whitney(&one, &same) > 1e-6);
    assert!(mann_whitney(&one, &later) < 1e-6);
    assert_eq!(holm(&[0.01, 0.5, 0.001]), [0.02, 0.5, 0.003]);
}
