import Alerts
import FoundationEssentials
import Observations

/// The report as `mimamori.backtest/1`.
private struct BacktestDocument: Encodable {
  struct Recording: Encodable {
    var name: String
    var from: String?
    var to: String?
    var lines: Int
    var missingLines: Int
  }
  struct Level: Encodable {
    var step: String
    var threshold: Double
  }
  struct Extreme: Encodable {
    var value: Double
    var at: String
  }
  struct Visit: Encodable {
    var step: String
    var threshold: Double
    var crossed: String
    var told: String
    var left: String?
    var highest: Double?
    var lengthS: Double
  }
  struct Forecast: Encodable {
    var step: String
    var made: String
    var at: String
    var earliest: String
    var latest: String
    var estimates: Int
    var outcome: String
    var came: String?
    var withdrawn: String?
    var leadS: Double?
    var inside: Int?
  }
  struct River: Encodable {
    var sensor: String
    var name: String
    var levels: [Level]
    var confirm: String
    var margin: Double
    var holdS: Double
    var highest: Extreme?
    var lowest: Extreme?
    var visits: [Visit]
    var forecasts: [Forecast]
  }
  struct Followed: Encodable {
    var step: String
    var told: String
  }
  struct Spell: Encodable {
    var kind: String
    var sensor: String
    var severity: String
    var fault: String?
    var onset: String
    var raised: String
    var cleared: String?
    var value: Double?
    var threshold: Double?
    var withinS: Double?
    var followed: [Followed]?
  }
  struct Hour: Encodable {
    var alerts: Int
    var from: String
  }
  struct Sounding: Encodable {
    var on: String
    var off: String?
    var cause: String
    var offCause: String?
  }
  struct Output: Encodable {
    var output: String
    var onS: Double
    var times: [Sounding]
  }
  struct Gap: Encodable {
    var from: String
    var to: String
  }
  struct Sensor: Encodable {
    var sensor: String
    var name: String
    var quantity: String
    var signs: Int
    var first: String?
    var last: String?
    var longestSilenceS: Double?
    var gaps: [Gap]
  }
  struct Trial: Encodable {
    var trial: String?
    var rivers: [River]
    var alerts: [Spell]
    var messages: Int
    var alertsPerHour: Double
    var worstHour: Hour?
    var outputs: [Output]
    var notices: [String: Int]
    var sensors: [Sensor]
    var leftOut: Int
  }

  var schema = "mimamori.backtest/1"
  var gateway: String
  var name: String
  var configSha256: String
  var timezone: String
  var recording: Recording
  var trials: [Trial]
}

extension BacktestReport {
  /// The whole report as one JSON object on one line (`schema backtest`).
  ///
  /// - Throws: `GatewayError` with 70 if it cannot be encoded.
  public func json() throws(GatewayError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    guard let data = try? encoder.encode(document) else {
      throw GatewayError(.bug, "Failed to encode the report of the backtest")
    }
    return String(decoding: data, as: UTF8.self)
  }

  private var document: BacktestDocument {
    BacktestDocument(
      gateway: configuration.gateway.id, name: configuration.gateway.name, configSha256: configurationSHA256,
      timezone: configuration.gateway.timezone,
      recording: .init(
        name: source.name, from: source.first.map(stamp), to: source.last.map(stamp), lines: source.lines,
        missingLines: source.missingLines),
      trials: logs.map(trial))
  }

  private func stamp(_ moment: Moment) -> String { moment.wall.rfc3339(in: zone) }

  private func trial(_ log: BacktestLog) -> BacktestDocument.Trial {
    .init(
      trial: log.trial.name.isEmpty ? nil : log.trial.name, rivers: log.rivers.map(river),
      alerts: log.spells.map { spell($0, in: log) }, messages: log.messages, alertsPerHour: perHour(log),
      worstHour: log.worstHour.map { .init(alerts: $0.count, from: stamp($0.from)) },
      outputs: configuration.outputs.map { output($0.rule.id, log.soundings[$0.rule.id] ?? []) },
      notices: Dictionary(uniqueKeysWithValues: log.notices.map { ($0.key.rawValue, $0.value) }),
      sensors: configuration.sensors.compactMap { settings in
        log.signs[settings.id].map { sensor(settings.plan, $0) }
      },
      leftOut: log.leftOut)
  }

  private func river(_ river: RiverHistory) -> BacktestDocument.River {
    let rule = river.rule
    return .init(
      sensor: rule.sensor.text, name: name(of: rule.sensor),
      levels: rule.levels.map { .init(step: $0.step.rawValue, threshold: $0.threshold.value) },
      confirm: rule.confirm.configured, margin: rule.releaseMargin.value, holdS: rule.releaseHold.seconds,
      highest: river.highest.map { .init(value: $0.value.value, at: stamp($0.at)) },
      lowest: river.lowest.map { .init(value: $0.value.value, at: stamp($0.at)) },
      visits: river.visits.map { visit in
        .init(
          step: visit.step.rawValue, threshold: visit.threshold.value, crossed: stamp(visit.crossed),
          told: stamp(visit.told), left: visit.left.map(stamp), highest: visit.highest?.value,
          lengthS: span(from: visit.crossed, to: visit.left).seconds)
      }, forecasts: river.forecasts.map(forecast))
  }

  private func forecast(_ forecast: RiverHistory.Forecast) -> BacktestDocument.Forecast {
    var document = BacktestDocument.Forecast(
      step: forecast.step.rawValue, made: stamp(forecast.made), at: forecast.first.at.rfc3339(in: zone),
      earliest: forecast.first.earliest.rfc3339(in: zone), latest: forecast.first.latest.rfc3339(in: zone),
      estimates: forecast.count, outcome: "open")
    switch forecast.outcome {
    case .came(let moment):
      document.outcome = "came"
      document.came = stamp(moment)
      document.leadS = span(from: forecast.made, to: moment).seconds
      document.inside = forecast.inside
    case .withdrawn(let moment):
      document.outcome = "withdrawn"
      document.withdrawn = stamp(moment)
    case .open: break
    }
    return document
  }

  private func spell(_ spell: BacktestLog.Spell, in log: BacktestLog) -> BacktestDocument.Spell {
    .init(
      kind: spell.kind.rawValue, sensor: spell.sensor.text, severity: spell.severity.name,
      fault: spell.fault?.rawValue, onset: stamp(spell.onset), raised: stamp(spell.raised),
      cleared: spell.cleared.map(stamp), value: spell.value?.value, threshold: spell.threshold?.value,
      withinS: spell.within?.seconds,
      followed: spell.kind == .rateOfRise
        ? log.followed(spell).map { .init(step: $0.step.rawValue, told: stamp($0.told)) } : nil)
  }

  private func output(_ id: OutputID, _ soundings: [BacktestLog.Sounding]) -> BacktestDocument.Output {
    .init(
      output: id.text, onS: timeOn(soundings).seconds,
      times: soundings.map {
        .init(on: stamp($0.on), off: $0.off.map(stamp), cause: $0.cause, offCause: $0.offCause)
      })
  }

  private func sensor(_ plan: SensorPlan, _ signs: BacktestLog.Signs) -> BacktestDocument.Sensor {
    .init(
      sensor: plan.id.text, name: plan.name, quantity: plan.quantity.rawValue, signs: signs.count,
      first: signs.first.map(stamp), last: signs.last.map(stamp),
      longestSilenceS: signs.longest.map { ($0.to.monotonic - $0.from.monotonic).seconds },
      gaps: signs.gaps.map { .init(from: stamp($0.from), to: stamp($0.to)) })
  }
}

extension Confirmation {
  /// As a configuration says it.
  var configured: String {
    switch self {
    case .readings(let count): String(count)
    case .duration(let span): span.configured
    }
  }
}
