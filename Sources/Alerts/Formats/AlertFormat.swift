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

  /// An alert of the whole gateway bears its name, where others bear their sensor's.
  func named(_ alert: Alert) -> Alert {
    guard alert.sensor.text == context.plan.gateway, plan(of: alert.sensor) == nil else { return alert }
    var alert = alert
    alert.name = context.name
    return alert
  }

  private func write(_ unnamed: Alert, into json: inout JSONWriter) {
    let alert = named(unnamed)
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
    json.member("sensor", alert.sensor.bare)
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
    write(alert.acknowledged, into: &json)
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
    if let until = alert.until { json.member("until", text(until)) }
    json.member("datum", plan(of: alert.sensor)?.datum)
    if let about = alert.sensor.about { json.member("about", about) }
    if let affected = alert.affected {
      json.key("affected")
      json.beginArray()
      for sensor in affected { json.string(sensor.text) }
      json.endArray()
    }
    json.endObject()
  }

  private func write(_ acknowledgement: Alert.Acknowledgement?, into json: inout JSONWriter) {
    json.key("acknowledged")
    guard let acknowledgement else { return json.null() }
    json.beginObject()
    json.member("by", acknowledgement.authority)
    json.member("at", text(acknowledgement.at))
    json.member("until", text(acknowledgement.until))
    if let cause = acknowledgement.cause { json.member("cause", cause) }
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
    write(observed.next, into: &json)
    if let within = observed.within { json.member("within_s", seconds: within) }
    if let sensors = observed.sensors {
      json.key("sensors")
      json.beginArray()
      for sensor in sensors { json.string(sensor.text) }
      json.endArray()
    }
    json.endObject()
  }

  /// The member `next`: an estimate of when the next step will be reached.
  func write(_ next: Alert.Next?, into json: inout JSONWriter) {
    json.key("next")
    guard let next else { return json.null() }
    json.beginObject()
    json.member("step", next.step.rawValue)
    json.member("at", text(next.at))
    json.member("earliest", text(next.earliest))
    json.member("latest", text(next.latest))
    json.endObject()
  }
}
