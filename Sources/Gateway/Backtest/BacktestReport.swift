import Alerts
import Observations

/// What a recording replays to, in figures: as configured, and with what was tried beside it.
public struct BacktestReport {
  /// The recording.
  struct Source {
    /// As the command names it.
    var name: String
    var lines = 0
    /// Lines that the recording itself says are missing.
    var missingLines = 0
    var first: Moment?
    var last: Moment?
  }

  let configuration: GatewayConfiguration
  let configurationSHA256: String
  let zone: TimeZoneOffsets
  let source: Source
  /// The configuration's first, then what was tried, in the order of asking.
  let logs: [BacktestLog]

  /// How long the recording is.
  var length: TimeSpan {
    guard let first = source.first, let last = source.last else { return .zero }
    return last.monotonic - first.monotonic
  }

  /// How much of a time that may go on lies in the recording.
  func span(from start: Moment, to end: Moment?) -> TimeSpan {
    guard let end = end ?? source.last else { return .zero }
    return max(end.monotonic - start.monotonic, .zero)
  }

  /// How long all visits of a step lasted together.
  func time(at step: LadderStep, in river: RiverHistory) -> TimeSpan {
    river.visits.filter { $0.step == step }.reduce(.zero) { $0 + span(from: $1.crossed, to: $1.left) }
  }

  /// How long an output was on.
  func timeOn(_ soundings: [BacktestLog.Sounding]) -> TimeSpan {
    soundings.reduce(.zero) { $0 + span(from: $1.on, to: $1.off) }
  }

  /// Alerts raised an hour.
  func perHour(_ log: BacktestLog) -> Double {
    let hours = max(length.seconds / 3600, 1)
    return (Double(log.spells.count) / hours * 100).rounded() / 100
  }

  func name(of sensor: SensorID) -> String {
    configuration.sensors.first { $0.id == sensor }?.plan.name ?? sensor.text
  }
}
