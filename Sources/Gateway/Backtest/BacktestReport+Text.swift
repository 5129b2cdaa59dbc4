import Alerts
import Observations

/// The report for people: Japanese where that is the first configured language, else English.
extension BacktestReport {
  /// Longer lists are cut; the JSON has them whole.
  static let rowsShown = 40

  /// The whole report.
  public var text: String {
    guard let configured = logs.first else { return "" }
    var lines = headLines(configured)
    for river in configured.rivers { lines += riverLines(river, configured) }
    lines += alertLines(configured) + soundLines(configured) + sensorLines(configured)
    if logs.count > 1 { lines += comparisonLines() }
    return lines.joined(separator: "\n")
  }

  private func headLines(_ log: BacktestLog) -> [String] {
    let gateway = configuration.gateway
    var lines = [
      "\(word("記録による検証", "Backtest")): \(gateway.name) (\(gateway.id))",
      "\(word("記録", "Recording")): \(source.name), \(source.lines) \(word("行", "lines"))",
    ]
    if let first = source.first, let last = source.last {
      lines.append("\(word("期間", "Period")): \(time(first)) – \(time(last)) (\(length(length))), \(gateway.timezone)")
    }
    if source.missingLines > 0 {
      lines.append("\(word("記録から抜けている行", "Lines missing in the recording")): \(source.missingLines)")
    }
    lines.append(
      word(
        "段階は、設定した基準にセンサーの値が達したことです。国や自治体が出す情報ではありません。",
        "A step is a configured threshold that was reached, never an official warning."))
    if log.leftOut > 0 {
      lines.append("\(word("多すぎて省いた項目", "Left out, because there are too many")): \(log.leftOut)")
    }
    return lines
  }

  // MARK: Rivers

  private func riverLines(_ river: RiverHistory, _ log: BacktestLog) -> [String] {
    var lines = ["", "== \(name(of: river.rule.sensor)) (\(river.rule.sensor)) ==", ""]
    if let highest = river.highest, let lowest = river.lowest {
      lines.append("\(word("最高水位", "Highest level")): \(metres(highest.value)) (\(time(highest.at)))")
      lines.append("\(word("最低水位", "Lowest level")): \(metres(lowest.value)) (\(time(lowest.at)))")
    } else {
      lines.append(word("信じられる水位はありません。", "There was no level that could be believed."))
    }
    lines += section(word("段階への到達", "Steps that were reached"), visitRows(river))
    lines += section(word("到達の予測(推定)", "Forecasts (estimates)"), forecastRows(river), note: forecastNote(river))
    let rises = log.spells.filter { $0.kind == .rateOfRise && $0.sensor == river.rule.sensor }
    lines += section(word("急な上昇", "Fast rises"), riseRows(rises, log))
    return lines
  }

  private func visitRows(_ river: RiverHistory) -> [[String]] {
    let rows = river.visits.map { visit in
      [
        step(visit.step), metres(visit.threshold), time(visit.crossed), time(visit.told),
        visit.left.map(time) ?? word("継続中", "goes on"), length(span(from: visit.crossed, to: visit.left)),
        visit.highest.map(metres) ?? "–",
      ]
    }
    guard !rows.isEmpty else { return [] }
    return [
      [
        word("段階", "step"), word("基準", "threshold"), word("到達", "reached"), word("通知", "told"),
        word("解除", "left"), word("長さ", "length"), word("最高", "highest"),
      ]
    ] + rows
  }

  private func forecastRows(_ river: RiverHistory) -> [[String]] {
    let rows = river.forecasts.map { forecast in
      var row = [
        time(forecast.made), step(forecast.step),
        "\(time(rounded(forecast.first.at))) (\(clock(rounded(forecast.first.earliest))) – \(clock(rounded(forecast.first.latest))))",
      ]
      switch forecast.outcome {
      case .came(let moment):
        let isInside = forecast.first.earliest <= moment.wall && moment.wall <= forecast.first.latest
        row += [
          "\(word("到達", "came")) \(time(moment))", length(span(from: forecast.made, to: moment)),
          isInside ? word("範囲内", "inside") : word("範囲外", "outside"),
        ]
      case .withdrawn(let moment): row += ["\(word("取り消し", "withdrawn")) \(time(moment))", "–", "–"]
      case .open: row += [word("記録はここまで", "the recording ends"), "–", "–"]
      }
      return row
    }
    guard !rows.isEmpty else { return [] }
    return [
      [
        word("推定した時刻", "made"), word("段階", "step"), word("推定(範囲)", "said (from – to)"), word("結果", "what came"),
        word("余裕", "lead"), word("範囲", "interval"),
      ]
    ] + rows
  }

  /// What all forecasts of a river were worth.
  private func forecastNote(_ river: RiverHistory) -> String? {
    let came = river.forecasts.filter { if case .came = $0.outcome { true } else { false } }
    guard !came.isEmpty else { return nil }
    let (said, inside) = came.reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.inside) }
    let share = "\(inside)/\(said) (\(percent(inside, of: said)))"
    let reached = river.visits.count
    return word(
      "到達 \(reached) 回のうち予測あり \(came.count) 回。言い直しを含む推定のうち範囲内に到達したもの: \(share)",
      "\(came.count) of the \(reached) steps reached were forecast; of what was said then, revisions included, the water came within the interval in \(share)"
    )
  }

  private func riseRows(_ rises: [BacktestLog.Spell], _ log: BacktestLog) -> [[String]] {
    guard !rises.isEmpty else { return [] }
    let rows = rises.map { rise in
      let followed = log.followed(rise).map { visit in
        "\(step(visit.step)) \(word("", "after "))\(length(visit.told.monotonic - rise.raised.monotonic))\(word("後", ""))"
      }
      return [
        time(rise.raised), rise.cleared.map(time) ?? word("継続中", "goes on"),
        "\(rise.value.map(metres) ?? "–") / \(rise.within?.configured ?? "–")",
        followed.isEmpty
          ? word("\(BacktestLog.followTime.configured) 以内の到達なし", "no step within \(BacktestLog.followTime.configured)")
          : followed.joined(separator: ", "),
      ]
    }
    return [
      [word("通知", "told"), word("解除", "cleared"), word("上昇", "rise"), word("その後の到達", "what followed")]
    ] + rows
  }
}
