import Alerts
import Observations

/// Words, times and tables of the report.
extension BacktestReport {
  private var isJapanese: Bool { configuration.gateway.languages.first?.hasPrefix("ja") ?? true }

  var names: CatalogueNames { CatalogueNames(language: isJapanese ? "ja" : "en") }

  func word(_ japanese: String, _ english: String) -> String { isJapanese ? japanese : english }

  /// The catalogue's name of a step with its level, such as "4 danger threshold".
  func step(_ step: LadderStep) -> String { "\(step.level) \(names.step(step))" }

  func metres(_ value: Measure) -> String { "\(value.decimal(minimumDecimals: 2)) m" }

  func decimal(_ value: Double) -> String {
    Measure(thousandths: Int64((value * 1000).rounded())).description
  }

  func percent(_ part: Int, of whole: Int) -> String {
    whole == 0 ? "–" : "\((part * 200 + whole) / (whole * 2)) %"
  }

  /// `2026-11-21 15:02`, with seconds where there are any.
  func time(_ moment: Moment) -> String { time(moment.wall) }

  func time(_ wall: WallTime) -> String {
    let text = WallTime(milliseconds: wall.milliseconds - (wall.milliseconds % 1000 + 1000) % 1000).rfc3339(in: zone)
    return "\(text.prefix(10)) \(clock(wall))"
  }

  /// `15:02`, with seconds where there are any.
  func clock(_ wall: WallTime) -> String {
    let civil = CivilTime(wall, in: zone)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    let minutes = "\(two(civil.hour)):\(two(civil.minute))"
    return civil.second == 0 ? minutes : "\(minutes):\(two(civil.second))"
  }

  /// To the minute: an estimate is shown no finer.
  func rounded(_ wall: WallTime) -> WallTime {
    WallTime(milliseconds: Int64((Double(wall.milliseconds) / 60_000).rounded()) * 60_000)
  }

  /// Two units at most: `3 d 4 h`, `2 h 5 min`, `40 s`.
  func length(_ span: TimeSpan) -> String {
    let seconds = max(span.milliseconds, 0) / 1000
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400)
    let units: [(Int64, String)] =
      if days > 0 {
        [(days, word("日", "d")), (hours % 24, word("時間", "h"))]
      } else if hours > 0 {
        [(hours, word("時間", "h")), (minutes % 60, word("分", "min"))]
      } else if minutes > 0 {
        [(minutes, word("分", "min")), (seconds % 60, word("秒", "s"))]
      } else {
        [(seconds, word("秒", "s"))]
      }
    let shown = units.enumerated().filter { $0.offset == 0 || $0.element.0 > 0 }.map(\.element)
    return shown.map { "\($0.0) \($0.1)" }.joined(separator: " ")
  }

  // MARK: Tables

  /// Rows below their heading, after a title; or nothing.
  func section(_ title: String, _ rows: [[String]], note: String? = nil) -> [String] {
    guard rows.count > 1 else { return [] }
    let shown = Array(rows.prefix(Self.rowsShown + 1))
    return ["", title] + table(shown).map { "  \($0)" } + rest(rows.count - 1) + (note.map { ["  \($0)"] } ?? [])
  }

  /// Says how many rows of a list are not shown.
  func rest(_ count: Int) -> [String] {
    let more = count - Self.rowsShown
    guard more > 0 else { return [] }
    return ["  " + word("ほか \(more) 件(--json にはすべてあります)", "and \(more) more, all of them with --json")]
  }

  func table(_ rows: [[String]]) -> [String] {
    DisplayWidth.table(rows).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { String($0) }
  }
}
