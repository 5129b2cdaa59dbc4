import Alerts
import Observations

/// `[[rain]]`.
extension ConfigurationReader {
  func readRains(_ reader: TableReader) -> [RainRule] {
    readRules(reader, "rain", .rain) { reader, sensor, _ in
      if !reader.has("amounts") {
        _ = reader.value(
          "amounts", required: "write amounts = [ { mm = 50.0, within = \"1h\", severity = \"severe\" } ]")
      }
      let amounts = reader.subtables("amounts", most: 16).compactMap(readAmount)
      let dryGap = reader.duration("dry_gap", in: .minutes(10) ... .hours(72)) ?? RainRule.usualDryGap
      let dayStarts = readDayStarts(reader)
      for amount in amounts { reach(sensor, amount.severity) }
      checkAmounts(reader, amounts)
      return RainRule(sensor: sensor, amounts: amounts, dryGap: dryGap, dayStarts: dayStarts)
    }
  }

  private func readAmount(_ reader: TableReader) -> RainRule.Amount? {
    let amount = reader.measure("mm", of: .rain, in: 0.1...10_000, required: "write millimetres")
    let within = reader.duration(
      "within", in: .minutes(1) ... .hours(240), required: "write in what time, such as \"1h\"")
    let severity = readSeverity(reader)
    let suppress = reader.duration("suppress", in: .zero ... .hours(240)) ?? within ?? .zero
    reader.finish()
    guard let amount, let within, let severity else { return nil }
    return RainRule.Amount(amount: amount, within: within, severity: severity, suppress: suppress)
  }

  /// Two amounts of one window and one size would be said as one.
  private func checkAmounts(_ reader: TableReader, _ amounts: [RainRule.Amount]) {
    for (index, amount) in amounts.enumerated() {
      let isTwice = amounts[..<index].contains { $0.within == amount.within && $0.amount == amount.amount }
      guard isTwice else { continue }
      reader.error(
        "amounts", "\(amount.amount) mm within \(amount.within.configured) stands there twice",
        advice: "remove one of the two")
    }
  }

  /// A time of day: hours and minutes on the local clock.
  private func readDayStarts(_ reader: TableReader) -> TimeSpan {
    guard let located = reader.string("day_starts", most: 8) else { return .zero }
    let parts = located.value.split(separator: ":", omittingEmptySubsequences: false)
    let isPlain =
      parts.count == 2
      && parts.allSatisfy { part in
        part.utf8.count == 2 && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      }
    guard isPlain, let hours = Int64(parts[0]), let minutes = Int64(parts[1]), hours < 24, minutes < 60 else {
      reader.error(
        "day_starts", "day_starts = \(TOMLValue.quoted(located.value)) is no time of day",
        advice: "write hours and minutes such as \"09:00\", or \"00:00\" for midnight")
      return .zero
    }
    return .minutes(hours * 60 + minutes)
  }
}
