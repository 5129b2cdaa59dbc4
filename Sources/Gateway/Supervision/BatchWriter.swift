package import Alerts
package import Delivery
import FoundationEssentials
import Observations

/// Turns what the station asks for into bytes: messages, retained states and records that are committed together.
package struct BatchWriter {
  let formats: Formats
  private let encoder = JSONEncoder()
  /// The bytes of each active alert's latest message: what was raised in an earlier boot keeps that boot's times.
  private var latest: [String: [UInt8]]

  /// - Parameter latest: the bytes of the alerts that an earlier run left active, by their ids.
  init(formats: Formats, latest: [String: [UInt8]]) {
    self.formats = formats
    self.latest = latest
  }

  /// Observations and health lose their meaning when they are this old; the broker then drops them (MQTT 5, 3.3.2.3.3).
  static let observationExpirySeconds: UInt32 = 3600

  private var topics: Topics { formats.context.topics }

  /// One batch for the effects of one input.
  ///
  /// - Parameters:
  ///   - active: the latest message of each active alert after the input.
  ///   - through: the last number of the stream of alerts.
  mutating func batch(
    for effects: Effects, active: [Alert], through: UInt64, at moment: Moment
  ) -> DeliveryBatch {
    var batch = DeliveryBatch()
    for alert in effects.alerts { append(alert, to: &batch) }
    for notice in effects.notices { append(notice, to: &batch) }
    if !effects.alerts.isEmpty {
      batch.retained.append(activeState(active, through: through, at: moment))
    }
    for report in effects.observations {
      batch.retained.append(
        RetainedState(
          topic: topics.observation(report.sensor), payload: formats.observation(report), urgency: .spread,
          expirySeconds: Self.observationExpirySeconds, backlogTopic: topics.delayedObservation(report.sensor)))
      if let record = observationRecord(report) { batch.observations.append(record) }
      guard let measure = formats.measure(report) else { continue }
      batch.retained.append(
        RetainedState(
          topic: topics.measures(report.sensor), payload: measure, urgency: .spread,
          expirySeconds: Self.observationExpirySeconds, isRetained: false,
          madeNanoseconds: report.at.monotonic.nanoseconds))
    }
    for change in effects.outputs {
      batch.retained.append(
        RetainedState(topic: topics.output(change.output), payload: formats.output(change), urgency: .spread))
      batch.actions.append(
        OutputAction(
          wallMilliseconds: change.at.wall.milliseconds, output: change.output.text, isOn: change.on,
          cause: change.cause, by: change.by, untilMilliseconds: change.until?.wall.milliseconds))
    }
    for report in effects.places {
      batch.retained.append(
        RetainedState(topic: topics.place(report.place), payload: formats.place(report), urgency: .spread))
    }
    batch.records = effects.saves.compactMap(record)
    return batch
  }

  /// The retained list of active alerts.
  func activeState(_ active: [Alert], through: UInt64, at moment: Moment) -> RetainedState {
    let payloads = active.map { latest[$0.id] ?? formats.alert($0) }
    let payload = formats.active(payloads: payloads, through: through, asOf: moment)
    return RetainedState(topic: topics.active, payload: payload, urgency: .atOnce)
  }

  private mutating func append(_ alert: Alert, to batch: inout DeliveryBatch) {
    let draft = formats.alert(alert)
    latest[alert.id] = alert.message == .clear ? nil : draft
    batch.messages.append(
      OutgoingMessage(
        stream: "alert", sequence: alert.sequence, id: alert.id, revision: alert.revision,
        topic: topics.alert(alert.mode), draft: draft,
        detectedNanoseconds: alert.detected.monotonic.nanoseconds))
    if let cap = formats.cap(alert) { append(.cap, of: alert, cap, to: topics.cap(alert.mode), in: &batch) }
    if let measure = formats.measure(alert) {
      append(.measure, of: alert, measure, to: topics.measures(alert.sensor), in: &batch)
    }
  }

  /// Another form of an alert's message, as safe as the message itself.
  private func append(
    _ form: OutgoingMessage.Form, of alert: Alert, _ draft: [UInt8], to topic: String, in batch: inout DeliveryBatch
  ) {
    batch.messages.append(
      OutgoingMessage(
        stream: "alert", sequence: nil, form: form, id: alert.id, revision: alert.revision, topic: topic, draft: draft,
        detectedNanoseconds: alert.detected.monotonic.nanoseconds))
  }

  private func append(_ notice: Notice, to batch: inout DeliveryBatch) {
    batch.messages.append(
      OutgoingMessage(
        stream: notice.subject.text, sequence: notice.sequence, id: notice.id, revision: notice.revision,
        topic: topics.notice(notice.subject), draft: formats.notice(notice),
        detectedNanoseconds: notice.detected.monotonic.nanoseconds))
  }

  /// An observation as open data keeps it; nil of a receiver of tags, and of where a board is.
  private func observationRecord(_ report: Effects.ObservationReport) -> ObservationRecord? {
    guard let quantity = formats.quantity(of: report.sensor) else { return nil }
    var thousandths: Int64?
    var count: Int64?
    switch report.value {
    case .measure(let value): thousandths = value.thousandths
    case .contact(let isActive): thousandths = isActive ? 1000 : 0
    case .rain(let total, let tips): (thousandths, count) = (total.thousandths, Int64(clamping: tips))
    case .receiver: return nil
    case nil: break
    }
    guard quantity != .beacon, quantity != .position else { return nil }
    return ObservationRecord(
      wallMilliseconds: report.at.wall.milliseconds, sensor: report.sensor.text, quantity: quantity.rawValue,
      thousandths: thousandths, count: count, fault: report.fault?.rawValue, clock: report.at.clock.rawValue)
  }

  /// A state as it is kept in the ledger. Should the encoder ever fail, the earlier record stays.
  private func record(of state: SavedState) -> StateRecord? {
    if state.isForgotten { return StateRecord(key: state.key, value: nil) }
    var state = state
    state.boot = formats.context.boot
    guard let data = try? encoder.encode(state) else { return nil }
    return StateRecord(key: state.key, value: Array(data))
  }

  /// What an earlier run saved. A record that cannot be decoded any more is passed over: its part starts anew.
  package static func decode(_ records: [StateRecord]) -> [SavedState] {
    records.compactMap { record in
      record.value.flatMap { try? JSONDecoder().decode(SavedState.self, from: Data($0)) }
    }
  }
}
