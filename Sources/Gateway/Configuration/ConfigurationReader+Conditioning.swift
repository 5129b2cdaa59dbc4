import Alerts
import Observations

/// `filters`, `max_rate`, `max_noise` and `stuck_after` of a `[[sensor]]`, and `[[agreement]]`.
extension ConfigurationReader {
  /// One metre in ten minutes: a real flash flood, in metres a second.
  private static let flashFlood = 1.0 / 600
  /// A level that is shown later than this is too late for a flash flood.
  private static let mostLag = TimeSpan.minutes(2)

  func readConditioning(_ reader: TableReader, _ driver: DriverName, _ quantity: Quantity?) -> ConditioningPlan {
    guard let quantity, quantity.isMeasured else {
      for key in ["filters", "max_rate", "max_noise", "stuck_after"] {
        reader.know(key)
        guard let quantity, reader.has(key) else { continue }
        reader.error(
          key, "\(key) is for measured values, and this sensor is \(quantity.rawValue)", advice: "remove it")
      }
      return .none
    }
    let filters = readFilters(reader, quantity)
    let maxRate = reader.subtable("max_rate").flatMap { readMaxRate($0, quantity) }
    let maxNoise = reader.subtable("max_noise").flatMap { readMaxNoise($0, quantity) }
    let stuckAfter = readStuckAfter(reader)
    if quantity == .waterLevel { checkLag(reader, filters, driver) }
    checkClamp(reader, filters)
    return ConditioningPlan(filters: filters, maxRate: maxRate, maxNoise: maxNoise, stuckAfter: stuckAfter)
  }

  /// `"0s"`: never.
  private func readStuckAfter(_ reader: TableReader) -> TimeSpan? {
    if case .string(let text)? = reader.table["stuck_after"]?.content, TimeSpan(configured: text) == .zero {
      reader.know("stuck_after")
      return .zero
    }
    return reader.duration("stuck_after", in: .minutes(1) ... .hours(24 * 31))
  }

  /// A level with a `[[flood]]` is watched for hanging above it, unless `stuck_after` says otherwise.
  func watchStillness(_ sensors: [SensorSettings], _ floods: [FloodRule]) -> [SensorSettings] {
    let flooding = Set(floods.flatMap { [$0.sensor] + ($0.pair.map { [$0.second] } ?? []) })
    return sensors.map { sensor in
      var sensor = sensor
      let plan = sensor.plan.conditioning
      let isUsual = plan.stuckAfter == nil && sensor.plan.quantity == .waterLevel && flooding.contains(sensor.plan.id)
      sensor.plan.conditioning = ConditioningPlan(
        filters: plan.filters, maxRate: plan.maxRate, maxNoise: plan.maxNoise,
        stuckAfter: isUsual ? ConditioningPlan.usualStuckAfter : plan.stuckAfter == .zero ? nil : plan.stuckAfter,
        isStuckOnlyAboveLevels: isUsual)
      return sensor
    }
  }

  private func readMaxRate(_ reader: TableReader, _ quantity: Quantity) -> ConditioningPlan.MaxRate? {
    let by = reader.measure("by", of: quantity, in: 0.001...100_000, required: "write the greatest change")
    let within = reader.duration(
      "within", in: .seconds(1) ... .hours(24), required: "write in what time, such as \"1m\"")
    let confirm =
      reader.duration("confirm", in: .seconds(1) ... .hours(1)) ?? ConditioningPlan.MaxRate.usualConfirm
    reader.finish()
    guard let by, let within else { return nil }
    if by.thousandths <= 0 {
      reader.error("by", "by is too small for the decimals of \(quantity.rawValue)", advice: "write a greater change")
      return nil
    }
    if quantity == .waterLevel, by.value / within.seconds < Self.flashFlood {
      reader.warning(
        "by", "water rises by 1 m in 10 min in a flash flood, faster than max_rate allows",
        advice: "allow 0.1 m in 1 min at least, best 0.5 m; else each such rise is doubted for \(confirm.configured)")
    }
    return ConditioningPlan.MaxRate(by: by, within: within, confirm: confirm)
  }

  private func readMaxNoise(_ reader: TableReader, _ quantity: Quantity) -> ConditioningPlan.MaxNoise? {
    let spread = reader.measure("spread", of: quantity, in: 0.001...100_000, required: "write the widest scatter")
    let within = reader.duration(
      "within", in: .minutes(1) ... .hours(24), required: "write over what time, such as \"10m\"")
    reader.finish()
    guard let spread, let within else { return nil }
    if spread.thousandths <= 0 {
      reader.error(
        "spread", "spread is too small for the decimals of \(quantity.rawValue)", advice: "write a wider scatter")
      return nil
    }
    return ConditioningPlan.MaxNoise(spread: spread, within: within)
  }

  /// Filters that show a flood late are told with the time by which it is late.
  private func checkLag(_ reader: TableReader, _ filters: [ReadingFilter], _ driver: DriverName) {
    let readings = filters.reduce(0) { $0 + $1.lagInReadings }
    var every = driver == .modbus ? TimeSpan.seconds(10) : .seconds(1)
    if case .string(let text)? = reader.table["every"]?.content { every = TimeSpan(configured: text) ?? every }
    let lag = every * Int64(readings)
    guard lag > Self.mostLag else { return }
    reader.warning(
      "filters", "together they show a step only after \(readings) readings, which is \(lag.configured)",
      advice: "use smaller windows or a greater alpha, so that a flash flood is seen within \(Self.mostLag.configured)")
  }

  /// Without a range a clamp makes a level of every error value.
  private func checkClamp(_ reader: TableReader, _ filters: [ReadingFilter]) {
    for case .clamp(_, let highest?, ignoresOutOfRange: false) in filters where !reader.has("range") {
      reader.warning(
        "filters", "the clamp makes every impossible value a measured \(highest)",
        advice: "add range = [lowest, highest], or ignore_out_of_range = true")
    }
  }

  // MARK: Agreement

  func readAgreements(_ reader: TableReader) -> [AgreementRule] {
    var paired: Set<String> = []
    return reader.subtables("agreement", most: Self.mostSensors / 2).compactMap { reader in
      let sensors = reader.strings("sensors", most: 8, required: "name the two sensors of one place")
      var quantities: [Quantity] = []
      for sensor in sensors {
        let declared = declaredSensor(sensor, of: reader, key: "sensors", quantity: nil, rule: "[[agreement]]")
        if let quantity = declared?.quantity { quantities.append(quantity) }
        if !paired.insert(sensor.value).inserted {
          problems.error(
            reader.name("sensors"), at: sensor.position, "\(sensor.value) has another [[agreement]] already",
            advice: "compare each sensor with one other")
        }
      }
      if !sensors.isEmpty, sensors.count != 2 {
        reader.error("sensors", "there are \(sensors.count) sensors", advice: "name two")
      }
      let quantity = quantities.first ?? .waterLevel
      if !quantity.isMeasured || quantities.contains(where: { $0 != quantity }) {
        reader.error(
          "sensors", "these sensors do not measure the same", advice: "name two that measure water_level, for example")
      }
      let within = reader.measure(
        "within", of: quantity, in: 0.001...100_000, required: "write how far apart they may be")
      let side = reader.choice(
        "safe_side", AgreementRule.SafeSide.self,
        required: "write which one counts while they disagree: \"higher\" for a flood")
      let after = reader.duration("after", in: .seconds(1) ... .hours(24)) ?? .minutes(1)
      reader.finish()
      guard sensors.count == 2, let within, let side else { return nil }
      for sensor in sensors { declaredSensors[sensor.value]?.isNamedByRule = true }
      return AgreementRule(
        first: SensorID(sensors[0].value), second: SensorID(sensors[1].value), within: within, safeSide: side,
        after: after)
    }
  }
}
