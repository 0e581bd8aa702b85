//! How a figure is written.

/// Three digits that count, and thousands set apart; nothing where there is nothing.
#[must_use]
pub fn figure(value: Option<f64>) -> String {
    let Some(value) = value else { return String::new() };
    match value.abs() {
        // 999.6 is written as 1,000.
        size if size >= 999.5 => {
            let digits = format!("{value:.0}");
            let (head, tail) = digits.split_at(digits.len() - 3);
            match head.len() {
                4.. => format!("{},{},{tail}", &head[..head.len() - 3], &head[head.len() - 3..]),
                _ => format!("{head},{tail}"),
            }
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let figures = [0.1234, 1.234, 12.34, 123.4, 1234.5, 1_234_567.0].map(|v| figure(Some(v)));
        assert_eq!(figures, ["0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
    }
}
