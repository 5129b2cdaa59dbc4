public import Observations

/// Whether the gateway is connected, as `status` says it.
public enum ConnectionState: String, Sendable {
  case online, offline
}

/// How often observations are published at the latest.
public struct ReportingInterval: Sendable, Hashable {
  /// While nothing is raised.
  public var calm: TimeSpan
  /// While an alert of the sensor is active.
  public var raised: TimeSpan

  public init(calm: TimeSpan = .minutes(10), raised: TimeSpan = .minutes(1)) {
    self.calm = calm
    self.raised = raised
  }
}

extension Formats {
  /// Online or offline: schema `mimamori.status/1`.
  ///
  /// - Parameters:
  ///   - cause: `connected`, `stopped`, `will`, … An open list.
  ///   - connection: counts the connects of this boot; a receiver ignores a lower one.
  ///   - moment: left out in the will, which is written before its time is known.
  public func status(_ state: ConnectionState, cause: String, connection: UInt64, at moment: Moment?) -> [UInt8] {
    var json = JSONWriter(capacity: 192)
    json.beginObject()
    json.member("schema", "mimamori.status/1")
    json.member("state", state.rawValue)
    json.member("cause", cause)
    json.member("boot", context.boot)
    json.member("connection", connection)
    if let moment { json.member("time", text(moment.wall)) }
    json.endObject()
    return json.bytes
  }

  /// Who and what this is, with all that a dashboard needs to draw level lines: schema `mimamori.info/1`.
  public func info(reporting: ReportingInterval = ReportingInterval()) -> [UInt8] {
    var json = JSONWriter(capacity: 4096)
    json.beginObject()
    json.member("schema", "mimamori.info/1")
    json.member("gateway", context.plan.gateway)
    json.member("name", context.name)
    json.member("municipality", context.municipality)
    json.member("contact", context.contact)
    json.member("version", context.version)
    json.member("config_sha256", context.configurationSHA256)
    json.member("position", context.position)
    json.member("timezone", context.zoneName)
    json.key("languages")
    json.beginArray()
    for language in context.languages { json.string(language) }
    json.endArray()
    writeLevels(into: &json)
    json.key("sensors")
    json.beginArray()
    for sensor in context.plan.sensors { write(sensor, reporting, into: &json) }
    json.endArray()
    json.key("places")
    json.beginArray()
    for place in context.plan.places {
      json.beginObject()
      json.member("id", place.id.text)
      json.member("name", place.name)
      json.key("sensors")
      json.beginArray()
      for sensor in place.sensors { json.string(sensor.text) }
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.key("outputs")
    json.beginArray()
    for output in context.plan.outputs { json.string(output.id.text) }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  private func write(_ sensor: SensorPlan, _ reporting: ReportingInterval, into json: inout JSONWriter) {
    json.beginObject()
    json.member("id", sensor.id.text)
    json.member("name", sensor.name)
    json.member("quantity", sensor.quantity.rawValue)
    json.member("unit", sensor.quantity.unit)
    json.member("decimals", sensor.quantity.decimals)
    json.member("position", sensor.position ?? context.position)
    json.member("datum", sensor.datum)
    json.key("thresholds")
    json.beginArray()
    for rule in context.plan.floods where rule.sensor == sensor.id {
      for level in rule.levels {
        json.beginObject()
        json.member("step", level.step.rawValue)
        json.member("level", level.step.level)
        json.member("severity", level.step.severity.name)
        json.member("value", level.threshold)
        json.endObject()
      }
    }
    json.endArray()
    writeInterval(sensor, reporting, into: &json)
    if sensor.quantity == .rain { writeRain(sensor, into: &json) }
    json.endObject()
  }

  private func writeInterval(_ sensor: SensorPlan, _ reporting: ReportingInterval, into json: inout JSONWriter) {
    let gauge = context.plan.floods.first { $0.sensor == sensor.id }?.reporting
    json.key("reporting_interval_s")
    json.beginObject()
    json.member("calm", seconds: gauge?.below ?? reporting.calm)
    json.member("raised", seconds: gauge?.above ?? reporting.raised)
    if let gauge {
      json.member("rising_fast", seconds: min(FloodRule.Reporting.whileRisingFast, gauge.above))
      json.member("raised_from", gauge.from)
    }
    json.endObject()
  }

  /// What a rain gauge's sums are alerts at, and how they are cut.
  private func writeRain(_ sensor: SensorPlan, into json: inout JSONWriter) {
    let rule = context.plan.rains.first { $0.sensor == sensor.id }
    json.key("amounts")
    json.beginArray()
    for amount in rule?.amounts ?? [] {
      json.beginObject()
      json.member("value", amount.amount)
      json.member("within_s", seconds: amount.within)
      json.member("severity", amount.severity.name)
      json.endObject()
    }
    json.endArray()
    json.member("dry_gap_s", seconds: rule?.dryGap ?? RainRule.usualDryGap)
    json.member("day_starts_s", seconds: rule?.dayStarts ?? .zero)
  }

  /// A sensor's latest reading: schema `mimamori.observation/1`. A receiver's tells that it works, never what it heard.
  public func observation(_ report: Effects.ObservationReport) -> [UInt8] {
    var measure: Measure?
    var active: Bool?
    var tips: UInt64?
    var working: Bool?
    switch report.value {
    case .measure(let value): measure = value
    case .contact(let isActive): active = isActive
    case .rain(let total, let count): (measure, tips) = (total, count)
    case .receiver(let isWorking): working = isWorking
    case nil: break
    }
    let quantity = plan(of: report.sensor)?.quantity
    var json = JSONWriter(capacity: 320)
    json.beginObject()
    json.member("schema", "mimamori.observation/1")
    json.member("gateway", context.plan.gateway)
    json.member("sensor", report.sensor.text)
    json.member("quantity", quantity?.rawValue)
    json.member("unit", quantity?.unit)
    json.member("value", measure)
    json.member("active", active)
    json.member("tips", tips)
    json.member("working", working)
    json.member("fault", report.fault?.rawValue)
    json.member("time", text(report.at.wall))
    json.clockMembers(boot: context.boot, report.at)
    json.member("delayed", false)
    if quantity == .waterLevel { writeLevel(report, measure, into: &json) }
    if let sums = report.sums { write(sums, into: &json) }
    json.endObject()
    return json.bytes
  }

  /// How the water moves, and where it stands between the datum and the levee.
  private func writeLevel(_ report: Effects.ObservationReport, _ value: Measure?, into json: inout JSONWriter) {
    json.member("rate_per_hour", report.ratePerHour)
    write(report.next, into: &json)
    if let datum = plan(of: report.sensor)?.datum { json.member("elevation", value.map { $0 + datum.zero }) }
    let levels = context.plan.floods.first { $0.sensor == report.sensor }?.levels
    if let flooding = levels?.last(where: { $0.step == .flooding }) {
      json.member("below_flooding", value.map { flooding.threshold - $0 })
    }
  }

  private func write(_ sums: RainSums, into json: inout JSONWriter) {
    func byClock(_ name: String, _ sum: RainSums.ByClock?, _ timeName: String) {
      json.key(name)
      guard let sum else { return json.null() }
      json.beginObject()
      json.member("value", sum.millimetres)
      json.member(timeName, text(sum.time))
      json.endObject()
    }
    json.key("sums")
    json.beginObject()
    json.member("rolling_10m", sums.tenMinutes)
    json.member("rolling_1h", sums.hour)
    json.member("rolling_3h", sums.threeHours)
    json.member("rolling_24h", sums.day24Hours)
    byClock("clock_10m", sums.tenMinutesByClock, "until")
    byClock("today", sums.today, "since")
    byClock("since_rain_began", sums.sinceItBegan, "since")
    json.member("soil_water_index", sums.soilWaterIndex)
    json.member("counted_since", text(sums.countedSince))
    json.key("incomplete")
    json.beginArray()
    for name in sums.incomplete { json.string(name) }
    json.endArray()
    json.endObject()
  }

  /// Whether an output is on: schema `mimamori.output/1`.
  public func output(_ change: Effects.OutputChange) -> [UInt8] {
    var json = JSONWriter(capacity: 320)
    json.beginObject()
    json.member("schema", "mimamori.output/1")
    json.member("gateway", context.plan.gateway)
    json.member("output", change.output.text)
    json.member("state", change.on ? "on" : "off")
    json.member("cause", change.cause)
    json.member("until", change.until.map { text($0.wall) })
    json.member("silenced_until", change.silencedUntil.map { text($0.wall) })
    json.member("locked", change.isLocked)
    json.key("by")
    json.beginArray()
    for reason in change.by { json.string(reason) }
    json.endArray()
    json.member("time", text(change.at.wall))
    json.clockMembers(boot: context.boot, change.at)
    json.endObject()
    return json.bytes
  }

  /// Whether a place can be watched, without any person: schema `mimamori.place/1`.
  public func place(_ report: Effects.PlaceReport) -> [UInt8] {
    var json = JSONWriter(capacity: 320)
    json.beginObject()
    json.member("schema", "mimamori.place/1")
    json.member("gateway", context.plan.gateway)
    json.member("place", report.place.text)
    json.member("name", name(of: report.place))
    json.member("state", report.state.rawValue)
    json.key("suspended")
    json.beginArray()
    for suspension in report.suspended { json.string(suspension.rawValue) }
    json.endArray()
    json.member("since", text(report.since.wall))
    json.clockMembers(boot: context.boot, report.since)
    json.endObject()
    return json.bytes
  }
}
