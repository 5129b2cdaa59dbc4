public import Observations

extension Formats {
  /// One alert message: schema `mimamori.alert/1`, with `delayed` false.
  ///
  /// Beside the contract's members stand `fault`, why a sensor says nothing, and `datum`, the height of its gauge's zero.
  public func alert(_ alert: Alert) -> [UInt8] {
    var json = JSONWriter(capacity: 2048)
    write(alert, into: &json)
    return json.bytes
  }

  /// The retained list of active alerts: schema `mimamori.active/1`.
  ///
  /// - Parameters:
  ///   - payloads: the latest message of each active alert of mode actual, as `alert(_:)` or the ledger gave its bytes.
  ///   - through: the last number of the stream `alert` that the list takes into account.
  public func active(payloads: [[UInt8]], through: UInt64, asOf moment: Moment) -> [UInt8] {
    var json = JSONWriter(capacity: 256 + payloads.reduce(0) { $0 + $1.count + 1 })
    json.beginObject()
    json.member("schema", "mimamori.active/1")
    json.member("epoch", context.epoch)
    json.member("through", through)
    json.member("as_of", text(moment.wall))
    json.key("alerts")
    json.beginArray()
    for payload in payloads { json.raw(payload) }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  private func write(_ alert: Alert, into json: inout JSONWriter) {
    json.beginObject()
    json.member("schema", "mimamori.alert/1")
    json.member("id", alert.id)
    json.member("revision", alert.revision)
    json.member("message", alert.message.rawValue)
    json.member("reason", alert.reason)
    json.member("mode", alert.mode.rawValue)
    json.member("gateway", context.plan.gateway)
    json.member("stream", "alert")
    json.member("epoch", context.epoch)
    json.member("sequence", alert.sequence)
    json.clockMembers(boot: context.boot, alert.detected)
    json.member("sensor", alert.sensor.text)
    json.member("name", alert.name)
    json.member("kind", alert.kind.rawValue)
    json.member("level", alert.level)
    json.member("step", alert.step?.rawValue)
    json.member("severity", alert.severity.name)
    json.member("urgency", alert.urgency.rawValue)
    json.member("certainty", alert.certainty.rawValue)
    json.member("onset", text(alert.onset.wall))
    json.member("detected", text(alert.detected.wall))
    json.member("expires", text(alert.expires))
    json.member("delayed", false)
    write(alert.observed, into: &json)
    json.member("position", position(of: alert.sensor))
    json.key("acknowledged")
    json.null()
    json.key("text")
    json.beginArray()
    for text in wording.texts(for: alert) {
      json.beginObject()
      json.member("language", text.language)
      json.member("headline", text.headline)
      json.member("description", text.description)
      json.member("instruction", text.instruction)
      json.endObject()
    }
    json.endArray()
    json.member("fault", alert.fault?.rawValue)
    json.member("datum", plan(of: alert.sensor)?.datum)
    json.endObject()
  }

  private func write(_ observed: Alert.Observed?, into json: inout JSONWriter) {
    json.key("observed")
    guard let observed else { return json.null() }
    json.beginObject()
    json.member("quantity", observed.quantity.rawValue)
    json.member("unit", observed.quantity.unit)
    json.member("value", observed.value)
    json.member("threshold", observed.threshold)
    json.member("rate_per_hour", observed.ratePerHour)
    json.key("next")
    json.null()
    json.endObject()
  }
}
