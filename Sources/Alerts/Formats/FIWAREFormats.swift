import Observations

extension Formats {
  /// A sensor's latest reading as a measure for a FIWARE IoT Agent, or nil where none is asked for or no data model fits.
  ///
  /// A water level or a flood contact is a `FloodMonitoring` (or `WaterObserved`), rain a `WeatherObserved` where the
  /// place can be told, all else a `DeviceMeasurement`. A receiver of tags is nothing here.
  public func measure(_ report: Effects.ObservationReport) -> [UInt8]? {
    guard let settings = context.fiware, let plan = plan(of: report.sensor) else { return nil }
    var entity: NGSIEntity
    switch plan.quantity {
    case .waterLevel: entity = waterLevel(report, plan, settings)
    case .contact:
      entity = self.entity("DeviceMeasurement", of: report, plan)
      entity.set("dateObserved", dateTime(report.at.wall, settings))
      entity.set("controlledProperty", plan.quantity.rawValue)
      if case .contact(let active) = report.value { entity.set("textValue", active ? "active" : "inactive") }
    case .floodContact:
      entity = self.entity("FloodMonitoring", of: report, plan)
      entity.set("observationDateTime", dateTime(report.at.wall, settings))
      var isWet: Bool?
      if case .contact(let active) = report.value { isWet = active }
      entity.set("floodLevelStatus", isWet.map { $0 ? "wet" : "dry" } ?? "unknown")
    case .rain: entity = rain(report, plan, settings)
    case .temperature, .voltage, .batteryCharge, .storageFree, .memoryFree:
      entity = self.entity("DeviceMeasurement", of: report, plan)
      entity.set("dateObserved", dateTime(report.at.wall, settings))
      entity.set("controlledProperty", plan.quantity.rawValue)
      entity.set("unit", plan.quantity.unit)
      entity.set("numValue", Self.number(report), unitCode: plan.quantity.unitCode)
    case .beacon, .position: return nil
    }
    entity.set("fault", report.fault?.rawValue)
    setClock(report.at.clock, of: &entity)
    if settings.representation == .linkedData { entity.set("location", position(of: report.sensor)) }
    return entity.bytes(settings.representation)
  }

  /// An alert as a measure of the model `Alert`, or nil where none is asked for. Only what is real: a context broker
  /// has no place of its own for drills, and only what a device tells: the gateway itself is none.
  public func measure(_ alert: Alert) -> [UInt8]? {
    guard let settings = context.fiware, alert.mode == .actual,
      alert.sensor.text != context.plan.gateway || plan(of: alert.sensor) != nil
    else { return nil }
    let life = String(decoding: alert.id.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: ":") : $0 }, as: UTF8.self)
    var entity = NGSIEntity(
      type: "Alert", name: life, instant: text(alert.detected.wall), observedAt: universal(alert.detected.wall),
      model: "dataModel.Alert")
    entity.set("alertSource", device(alert.sensor))
    entity.set("category", alert.kind.ngsiCategory)
    entity.set("subCategory", alert.kind.ngsiSubCategory(alert.step))
    entity.set("severity", alert.message == .clear ? "informational" : alert.severity.ngsiWord)
    entity.set("dateIssued", dateTime(alert.detected.wall, settings))
    entity.set("validFrom", dateTime(alert.onset.wall, settings))
    entity.set("validTo", dateTime(alert.message == .clear ? alert.detected.wall : alert.expires, settings))
    entity.set("name", alert.name)
    if let text = wording.texts(for: alert).first {
      entity.set("description", text.headline)
      entity.set("instruction", text.instruction)
    }
    entity.set("kind", alert.kind.rawValue)
    entity.set("message", alert.message.rawValue)
    entity.set("reason", alert.reason)
    entity.set("revision", count: alert.revision)
    entity.set("level", count: alert.level)
    entity.set("step", alert.step?.rawValue)
    entity.set("value", alert.observed?.value, unitCode: alert.observed?.quantity.unitCode)
    entity.set("threshold", alert.observed?.threshold, unitCode: alert.observed?.quantity.unitCode)
    entity.set("fault", alert.fault?.rawValue)
    entity.set("municipality", context.municipality)
    setClock(alert.detected.clock, of: &entity)
    if settings.representation == .linkedData { entity.set("location", position(of: alert.sensor)) }
    return entity.bytes(settings.representation)
  }

  /// How far the times can be trusted, where that is less than fully.
  private func setClock(_ clock: ClockQuality, of entity: inout NGSIEntity) {
    if clock != .synchronized { entity.set("clock", clock.rawValue) }
  }

  private func waterLevel(
    _ report: Effects.ObservationReport, _ plan: SensorPlan, _ settings: FIWAREFormat
  ) -> NGSIEntity {
    let level = Self.number(report)
    if settings.levelModel == .waterObserved, position(of: report.sensor) != nil {
      var entity = entity("WaterObserved", of: report, plan)
      entity.set("dateObserved", dateTime(report.at.wall, settings))
      // The model allows no height below zero, and a stage may be: it is told beside.
      entity.set("height", level.flatMap { $0.thousandths >= 0 ? $0 : nil }, unitCode: "MTR")
      entity.set("stage", level, unitCode: "MTR")
      return entity
    }
    var entity = entity("FloodMonitoring", of: report, plan)
    let levels = context.plan.floods.first { $0.sensor == report.sensor }?.levels ?? []
    entity.set("observationDateTime", dateTime(report.at.wall, settings))
    entity.set("currentLevel", level, unitCode: "MTR")
    entity.set("alertLevel", levels.first { $0.step == .caution }?.threshold, unitCode: "MTR")
    entity.set("dangerLevel", levels.first { $0.step == .danger }?.threshold, unitCode: "MTR")
    let reached = level.map { level in levels.last { $0.threshold <= level }?.step.rawValue ?? "normal" }
    entity.set("floodLevelStatus", reached ?? "unknown")
    return entity
  }

  /// What the last hour brought, where the gauge has counted for so long.
  private func rain(
    _ report: Effects.ObservationReport, _ plan: SensorPlan, _ settings: FIWAREFormat
  ) -> NGSIEntity {
    let hour = report.sums?.hour
    guard settings.representation == .linkedData, position(of: report.sensor) != nil else {
      var entity = entity("DeviceMeasurement", of: report, plan)
      entity.set("dateObserved", dateTime(report.at.wall, settings))
      entity.set("controlledProperty", "precipitation")
      entity.set("unit", plan.quantity.unit)
      entity.set("numValue", hour, unitCode: plan.quantity.unitCode)
      entity.set("precipitationTotal", Self.number(report), unitCode: plan.quantity.unitCode)
      return entity
    }
    var entity = entity("WeatherObserved", of: report, plan)
    entity.set("dateObserved", dateTime(report.at.wall, settings))
    entity.set("precipitation", hour, unitCode: plan.quantity.unitCode)
    entity.set("precipitationTotal", Self.number(report), unitCode: plan.quantity.unitCode)
    return entity
  }

  private func entity(_ type: String, of report: Effects.ObservationReport, _ plan: SensorPlan) -> NGSIEntity {
    var entity = NGSIEntity(
      type: type, name: device(report.sensor), instant: text(report.at.wall), observedAt: universal(report.at.wall),
      model: type == "WeatherObserved"
        ? "dataModel.Weather" : type == "DeviceMeasurement" ? "dataModel.Device" : "dataModel.Environment")
    entity.set("name", plan.name)
    entity.set(type == "FloodMonitoring" ? "stationID" : "refDevice", device(report.sensor))
    return entity
  }

  /// The agent's id of a device.
  private func device(_ sensor: SensorID) -> String {
    "\(context.plan.gateway)_\(Topics.device(sensor))"
  }

  private func dateTime(_ time: WallTime, _ settings: FIWAREFormat) -> String {
    settings.representation == .linkedData ? universal(time) : text(time)
  }

  func universal(_ time: WallTime) -> String {
    String(time.rfc3339(in: .fixed(seconds: 0)).prefix { $0 != "+" }) + "Z"
  }

  private static func number(_ report: Effects.ObservationReport) -> Measure? {
    switch report.value {
    case .measure(let value): value
    case .rain(let total, _): total
    case .contact, .receiver, nil: nil
    }
  }
}

extension Quantity {
  /// The unit's common code (UN/CEFACT Recommendation 20).
  fileprivate var unitCode: String? {
    switch self {
    case .waterLevel: "MTR"
    case .rain: "MMT"
    case .temperature: "CEL"
    case .voltage: "VLT"
    case .batteryCharge, .storageFree, .memoryFree: "P1"
    case .floodContact, .contact, .beacon, .position: nil
    }
  }
}

extension AlertKind {
  /// The model's category: it knows none for a machine's own troubles, which are told as `environment`.
  fileprivate var ngsiCategory: String {
    switch self {
    case .waterLevel, .rateOfRise, .floodContact: "naturalDisaster"
    case .rain: "weather"
    case .tamper: "security"
    default: "environment"
    }
  }

  fileprivate func ngsiSubCategory(_ step: LadderStep?) -> String? {
    switch self {
    case .floodContact: "flood"
    case .waterLevel: step == .flooding ? "flood" : "floodRisk"
    case .rateOfRise: "floodRisk"
    case .rain: "rainfall"
    case .tamper: "suspiciousAction"
    default: nil
    }
  }
}

extension Severity {
  fileprivate var ngsiWord: String {
    switch self {
    case .minor: "low"
    case .moderate: "medium"
    case .severe: "high"
    case .extreme: "critical"
    }
  }
}
