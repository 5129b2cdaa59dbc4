import Alerts
public import Delivery
public import Observations

/// What a month can be judged by: how long the gateway ran, what it told, how early and how long, and where it was blind.
/// Markdown, in Japanese where that is the first configured language, else in English.
public struct EvidenceSummary {
  private let configuration: GatewayConfiguration
  private let zone: TimeZoneOffsets
  private let month: String
  private let span: Range<WallTime>
  private let runs: [LedgerRun]
  private var history = AlertHistory()
  private let isJapanese: Bool

  /// - Returns: nil where `month` is not written as `YYYY-MM`.
  public init?(_ configuration: GatewayConfiguration, zone: TimeZoneOffsets, month: String, runs: [LedgerRun]) {
    guard let span = CivilDays.month(month, in: zone) else { return nil }
    self.configuration = configuration
    self.zone = zone
    self.month = month
    self.span = span
    self.runs = runs.filter { $0.beganMilliseconds <= $0.aliveMilliseconds }
    isJapanese = configuration.gateway.languages.first?.hasPrefix("ja") ?? true
  }

  /// The month by the wall clock, in milliseconds since 1970.
  public var milliseconds: Range<Int64> { span.lowerBound.milliseconds..<span.upperBound.milliseconds }

  /// Takes the next message of the ledger, in the order of raising.
  public mutating func add(message: [UInt8]) { history.add(message) }

  /// Takes the next mark of the staff, after the messages; the last one of an alert counts, before what was said with an
  /// acknowledgement.
  public mutating func add(_ mark: AlertMark) { history.add(mark) }

  /// The whole summary.
  public var text: String {
    let gateway = configuration.gateway
    var lines = [
      "# \(word("月次記録", "Monthly evidence")) \(month)", "",
      "- \(word("機器", "Gateway")): \(gateway.name) (\(gateway.id))",
      "- \(word("市区町村コード", "Municipality")): \(gateway.municipality)",
      "- \(word("時間帯", "Time zone")): \(gateway.timezone)",
    ]
    lines += uptimeLines() + countLines() + alertLines() + blindLines()
    if history.unreadable > 0 {
      lines += ["", word("読めない通知", "Messages that could not be read") + ": \(history.unreadable)"]
    }
    return lines.joined(separator: "\n")
  }

  // MARK: Uptime and gaps

  private func uptimeLines() -> [String] {
    var lines = ["", "## \(word("稼働", "Uptime"))", ""]
    let clipped = runs.compactMap { clip($0) }
    guard let first = runs.first?.beganMilliseconds, let last = runs.last?.aliveMilliseconds, !clipped.isEmpty else {
      return lines + [word("この月の稼働の記録はありません。", "There is no record of running in this month.")]
    }
    let start = max(span.lowerBound.milliseconds, first)
    let end = min(span.upperBound.milliseconds, last)
    let known = max(0, end - start)
    let up = clipped.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    let share = known == 0 ? 0 : Int64((Double(min(up, known)) / Double(known) * 10_000).rounded(.down))
    lines += [
      "- \(word("記録の期間", "Recorded")): \(time(start)) – \(time(end))",
      "- \(word("稼働時間", "Running")): \(length(up)) (\(Measure(thousandths: share * 10).decimal(minimumDecimals: 2)) %)",
      "", "### \(word("止まっていた間", "Gaps"))", "",
    ]
    let gaps = gapRows(from: start, to: end)
    guard !gaps.isEmpty else { return lines + [word("なし", "None")] }
    lines += table([word("から", "From"), word("まで", "To"), word("長さ", "Length"), word("終わり方", "How it ended")], gaps)
    return lines
  }

  /// Where no run was alive, longer than a restart takes.
  private func gapRows(from start: Int64, to end: Int64) -> [[String]] {
    var rows: [[String]] = []
    for (earlier, later) in zip(runs, runs.dropFirst()) {
      let from = max(earlier.aliveMilliseconds, start)
      let to = min(later.beganMilliseconds, end)
      guard to - from >= 60_000 else { continue }
      // A run that ended without a word is known to have lived only until its last sign of life.
      let ending = earlier.ended ?? word("記録なし（停電・強制終了など）", "without a word: power cut, kill, crash")
      rows.append([time(from), time(to), length(to - from), ending])
    }
    return rows
  }

  private func clip(_ run: LedgerRun) -> Range<Int64>? {
    let start = max(run.beganMilliseconds, span.lowerBound.milliseconds)
    let end = min(run.aliveMilliseconds, span.upperBound.milliseconds)
    return start < end ? start..<end : nil
  }

  // MARK: Alerts

  private var entries: [AlertHistory.Entry] { history.entries.filter { $0.mode == AlertMode.actual.rawValue } }

  /// What nobody has cleared is known to have gone on up to here: the gateway's last sign of life.
  private var lastAlive: WallTime { WallTime(milliseconds: runs.map(\.aliveMilliseconds).max() ?? 0) }

  private func countLines() -> [String] {
    var lines = ["", "## \(word("通知の数", "Alerts by kind and level"))", ""]
    var counts: [String: (kind: String, level: Int?, count: Int, marked: Int, total: Int64, longest: Int64)] = [:]
    for entry in entries {
      let key = "\(entry.kind) \(entry.level ?? 0)"
      var row = counts[key] ?? (entry.kind, entry.level, 0, 0, 0, 0)
      let lasted = (min(entry.cleared ?? lastAlive, span.upperBound) - entry.raised).milliseconds
      row.count += 1
      row.marked += entry.mark == "false_alarm" ? 1 : 0
      row.total += max(0, lasted)
      row.longest = max(row.longest, lasted)
      counts[key] = row
    }
    guard !counts.isEmpty else { return lines + [word("なし", "None")] }
    let headers = [
      word("種類", "Kind"), word("レベル相当", "Level"), word("数", "Count"), word("誤報", "False"),
      word("合計の長さ", "Total length"), word("最長", "Longest"),
    ]
    lines += table(
      headers,
      counts.sorted { $0.key < $1.key }.map(\.value).map { row in
        [
          row.kind, row.level.map { String($0) } ?? "–", String(row.count), String(row.marked), length(row.total),
          length(row.longest),
        ]
      })
    let drills = history.entries.count - entries.count
    if drills > 0 { lines += ["", word("訓練・試験（上に含まない）", "Exercises and tests, not counted above") + ": \(drills)"] }
    return lines
  }

  private func alertLines() -> [String] {
    var lines = ["", "## \(word("危険の通知", "Hazards"))", ""]
    let hazards = entries.filter { AlertKind(rawValue: $0.kind)?.isHazard ?? true }
    guard !hazards.isEmpty else { return lines + [word("なし", "None")] }
    let headers = [
      word("最初の通知", "First told"), word("場所", "Where"), word("種類", "Kind"), word("最高レベル相当", "Highest level"),
      word("最初の通知から最高レベルまで", "First told to highest level"), word("推定からの余裕", "Lead of the estimate"),
      word("長さ", "Length"), word("誤報（職員の確認）", "False alarm (staff)"),
    ]
    lines += table(
      headers,
      hazards.map { entry in
        [
          time(entry.raised.milliseconds), entry.name, entry.kind, entry.level.map { String($0) } ?? "–",
          length((entry.levelAt - entry.raised).milliseconds),
          entry.estimateLead.map { length($0.milliseconds) } ?? "–",
          entry.cleared.map { length(($0 - entry.raised).milliseconds) } ?? word("継続中", "active"),
          entry.mark == "false_alarm" ? word("はい", "yes") : entry.mark ?? "",
        ]
      })
    return lines
  }

  private func blindLines() -> [String] {
    var lines = ["", "## \(word("測れなかった間", "Where nothing was measured"))", ""]
    let faults = entries.filter { $0.kind == "sensor_fault" || $0.kind == "blind" }
    guard !faults.isEmpty else { return lines + [word("なし", "None")] }
    let headers = [word("から", "From"), word("場所", "Where"), word("原因", "Cause"), word("長さ", "Length")]
    lines += table(
      headers,
      faults.map { entry in
        [
          time(entry.onset.milliseconds), entry.name, entry.fault ?? "",
          entry.cleared.map { length(($0 - entry.onset).milliseconds) } ?? word("継続中", "active"),
        ]
      })
    return lines
  }

  // MARK: Words

  private func word(_ japanese: String, _ english: String) -> String { isJapanese ? japanese : english }

  private func table(_ headers: [String], _ rows: [[String]]) -> [String] {
    ([headers, headers.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
  }

  private func time(_ milliseconds: Int64) -> String {
    WallTime(milliseconds: milliseconds / 1000 * 1000).rfc3339(in: zone)
  }

  /// Hours and minutes; below a minute, seconds.
  private func length(_ milliseconds: Int64) -> String {
    let seconds = max(0, milliseconds) / 1000
    if seconds < 60 { return "\(seconds) s" }
    let minutes = seconds / 60 % 60
    return seconds < 3600 ? "\(minutes) min" : "\(seconds / 3600) h \(minutes) min"
  }
}
