import Alerts
import Observations

/// What is not about one river: alerts, outputs, sensors, and what was tried.
extension BacktestReport {
  func alertLines(_ log: BacktestLog) -> [String] {
    var lines = ["", "== \(word("通知", "Alerts")) ==", ""]
    let hazards = log.spells.count { $0.kind.isHazard }
    lines.append(
      word(
        "\(log.spells.count) 件(危険 \(hazards)、機器など \(log.spells.count - hazards))、続報と解除を含めて \(log.messages) 通",
        "\(log.spells.count) raised (\(hazards) hazards, \(log.spells.count - hazards) about the equipment), \(log.messages) messages"
      ))
    lines.append("\(word("1 時間あたり", "An hour")): \(word("平均", "mean")) \(decimal(perHour(log))), \(worstHour(log))")
    let unstable = log.spells.count { $0.kind == .unstable }
    lines.append("\(word("不安定(発生と解除の繰り返し)", "Unstable (alerts that came and went)")): \(unstable)")
    if !log.notices.isEmpty {
      let counts = log.notices.sorted { $0.key.rawValue < $1.key.rawValue }
        .map { "\(names.notice($0.key)) \($0.value)" }
      lines.append("\(word("見守りの通知", "Notices to families")): \(counts.joined(separator: ", "))")
    }
    let others = log.spells.filter { $0.kind != .waterLevel && $0.kind != .rateOfRise }
    var rows = others.map { spell in
      [
        time(spell.raised), spell.cleared.map(time) ?? word("継続中", "goes on"),
        length(span(from: spell.raised, to: spell.cleared)), name(of: spell.sensor), names.kind(spell.kind),
        spell.fault?.rawValue ?? value(spell),
      ]
    }
    if !rows.isEmpty {
      rows.insert(
        [
          word("発生", "raised"), word("解除", "cleared"), word("長さ", "length"), word("場所", "where"),
          word("種類", "what"), word("値・原因", "value or cause"),
        ], at: 0)
    }
    return lines + section(word("雨・浸水・故障など", "Rain, contacts, faults and the rest"), rows)
  }

  private func worstHour(_ log: BacktestLog) -> String {
    guard let worst = log.worstHour else { return "\(word("最多", "at worst")) 0" }
    return "\(word("最多", "at worst")) \(worst.count) (\(time(worst.from)) \(word("から", "on")))"
  }

  private func value(_ spell: BacktestLog.Spell) -> String {
    guard spell.kind != .floodContact, let value = spell.value else { return "" }
    let unit = configuration.sensors.first { $0.id == spell.sensor }?.plan.quantity.unit ?? ""
    let within = spell.within.map { " / \($0.configured)" } ?? ""
    return "\(value) \(unit)\(within)"
  }

  func soundLines(_ log: BacktestLog) -> [String] {
    guard !configuration.outputs.isEmpty else { return [] }
    var lines = ["", "== \(word("サイレンなどの出力", "Sirens and other outputs")) ==", ""]
    for output in configuration.outputs {
      let soundings = log.soundings[output.rule.id] ?? []
      lines.append(
        "\(output.rule.id): \(soundings.count) \(word("回", soundings.count == 1 ? "time" : "times")), \(length(timeOn(soundings)))"
      )
      let rows = soundings.prefix(Self.rowsShown).map { sounding in
        [
          "", time(sounding.on), sounding.off.map(time) ?? word("作動中", "goes on"),
          length(span(from: sounding.on, to: sounding.off)), sounding.offCause ?? "",
        ]
      }
      lines += table(Array(rows)) + rest(soundings.count)
    }
    return lines
  }

  func sensorLines(_ log: BacktestLog) -> [String] {
    var rows = [
      [
        word("センサー", "sensor"), word("件数", "signs"), word("最長の空白", "longest silence"),
        word("許容を超えた空白", "longer than allowed"), word("合計", "together"),
      ]
    ]
    var gaps: [[String]] = []
    for settings in configuration.sensors {
      guard let signs = log.signs[settings.id] else { continue }
      let longest = signs.longest.map { "\(length($0.to.monotonic - $0.from.monotonic)) (\(time($0.from)))" }
      let total = signs.gaps.reduce(TimeSpan.zero) { $0 + ($1.to.monotonic - $1.from.monotonic) }
      rows.append([
        "\(settings.plan.name) (\(settings.id))", String(signs.count), longest ?? "–",
        signs.allowedSilence == nil ? "–" : String(signs.gaps.count), signs.gaps.isEmpty ? "–" : length(total),
      ])
      gaps += signs.gaps.map { gap in
        [name(of: settings.id), time(gap.from), time(gap.to), length(gap.to.monotonic - gap.from.monotonic)]
      }
    }
    let lines = ["", "== \(word("センサーと欠測", "Sensors and gaps")) ==", ""] + table(rows)
    guard !gaps.isEmpty else { return lines }
    let headings = [word("センサー", "sensor"), word("から", "from"), word("まで", "to"), word("長さ", "length")]
    return lines + section(word("欠測", "Gaps"), [headings] + gaps)
  }

  // MARK: What was tried

  func comparisonLines() -> [String] {
    var rows = [["", word("設定のまま", "as configured")] + logs.dropFirst().map(\.trial.name)]
    for index in logs[0].rivers.indices { rows += riverRows(index) }
    rows += [
      [word("通知の件数", "alerts raised")] + logs.map { String($0.spells.count) },
      [word("1 時間あたり(平均・最多)", "an hour (mean, worst)")]
        + logs.map { "\(decimal(perHour($0))), \($0.worstHour?.count ?? 0)" },
      [word("続報と解除を含む通数", "messages")] + logs.map { String($0.messages) },
      [word("不安定", "unstable")] + logs.map { log in String(log.spells.count { $0.kind == .unstable }) },
    ]
    for output in configuration.outputs {
      rows.append(
        ["\(output.rule.id) \(word("作動", "on"))"]
          + logs.map { log in
            let soundings = log.soundings[output.rule.id] ?? []
            return "\(soundings.count) ×, \(length(timeOn(soundings)))"
          })
    }
    return ["", "== \(word("別の基準なら", "With other thresholds")) ==", ""] + table(rows)
  }

  /// One river in all trials: each step that any of them has.
  private func riverRows(_ index: Int) -> [[String]] {
    let rivers = logs.map { $0.rivers[index] }
    var rows = [["\(name(of: rivers[0].rule.sensor)) (\(rivers[0].rule.sensor))"]]
    rows.append(
      ["  \(word("確認・余裕・保持", "confirm, margin, hold"))"]
        + rivers.map { river in
          "\(river.rule.confirm.configured), \(metres(river.rule.releaseMargin)), \(river.rule.releaseHold.configured)"
        })
    for step in LadderStep.allCases {
      let thresholds = rivers.map { river in river.rule.levels.first { $0.step == step }?.threshold }
      guard thresholds.contains(where: { $0 != nil }) else { continue }
      let visits = rivers.map { river in river.visits.filter { $0.step == step } }
      rows.append(["  \(self.step(step))"] + thresholds.map { $0.map(metres) ?? "–" })
      rows.append(["    \(word("到達", "reached"))"] + visits.map { "\($0.count) ×" })
      rows.append(["    \(word("最初の通知", "first told"))"] + visits.map { $0.first.map { time($0.told) } ?? "–" })
      rows.append(["    \(word("設定のままとの差", "against configured"))"] + shifts(visits))
      rows.append(["    \(word("合計の長さ", "together"))"] + rivers.map { length(time(at: step, in: $0)) })
    }
    return rows
  }

  /// How much earlier or later than with the configuration a step was first told.
  private func shifts(_ visits: [[RiverHistory.Visit]]) -> [String] {
    visits.enumerated().map { index, list in
      guard index > 0 else { return "" }
      guard let told = list.first?.told, let usual = visits[0].first?.told else { return "–" }
      let shift = told.monotonic - usual.monotonic
      if shift == .zero { return word("同じ", "the same") }
      return shift < .zero
        ? "\(length(.zero - shift)) \(word("早い", "earlier"))" : "\(length(shift)) \(word("遅い", "later"))"
    }
  }
}
