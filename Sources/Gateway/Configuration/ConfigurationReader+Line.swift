import Alerts
import Observations
import SensorDrivers

extension ConfigurationReader {
  func readLineSensor(_ reader: TableReader, _ common: CommonSensorKeys) -> SensorSettings? {
    let port = self.port(reader, driver: .line)
    let pattern = readPattern(reader)
    let field = readField(reader, pattern)
    let (scale, offset) = readLinear(reader)
    let terminator = readBytes(reader, "terminator", most: 4) ?? []
    let poll = readPoll(reader)
    let staleAfter = readStaleAfter(reader) ?? max(.seconds(60), (poll?.every ?? .zero) * 6)
    if let poll { checkStaleAfter(reader, staleAfter, every: poll.every) }
    let range = readRange(reader, common.quantity)
    let datum = readDatum(reader)
    if let port {
      use(port, by: PortUser(sensor: common.id.text, driver: .line, position: port.position, settings: nil))
    }
    guard let port, let pattern, let field, let quantity = common.quantity else { return nil }
    let plan = SensorPlan(
      id: common.id, name: common.name, quantity: quantity, range: range, staleAfter: staleAfter, datum: datum,
      position: common.position)
    let point = LinePoint(
      sensor: common.id, quantity: quantity, pattern: pattern, field: field, scale: scale, offset: offset, poll: poll)
    let settings = LineSensorSettings(port: PortID(port.value), point: point, terminator: terminator)
    return SensorSettings(plan: plan, driver: .line(settings))
  }

  private func readPattern(_ reader: TableReader) -> LinePattern? {
    guard
      let text = reader.string(
        "pattern", required: "write how a line looks, such as pattern = \"LVL {value} m\"")
    else { return nil }
    do {
      let pattern = try LinePattern(text.value)
      if pattern.fields.isEmpty {
        reader.error("pattern", "the pattern holds no number", advice: "write {value} where it stands in the line")
        return nil
      }
      return pattern
    } catch {
      reader.error("pattern", error.problem, advice: error.advice)
      return nil
    }
  }

  private func readField(_ reader: TableReader, _ pattern: LinePattern?) -> Int? {
    let name = reader.string("field")
    guard let pattern else { return nil }
    let list = pattern.fields.map { "\"\($0)\"" }.joined(separator: ", ")
    guard let name else {
      if reader.has("field") { return nil }
      if pattern.fields.count == 1 { return 0 }
      if let index = pattern.fields.firstIndex(of: "value") { return index }
      reader.error("field", "the pattern has several numbers", advice: "name this sensor's as field: \(list)")
      return nil
    }
    guard let index = pattern.fields.firstIndex(of: name.value) else {
      reader.error(
        "field", "the pattern has no number \(TOMLValue.quoted(name.value))", advice: "write one of \(list)")
      return nil
    }
    return index
  }

  private func readPoll(_ reader: TableReader) -> LinePoint.Poll? {
    let request = readBytes(reader, "poll", most: 64)
    let every = reader.duration("every", in: .milliseconds(100) ... .hours(1))
    let timeout = reader.duration("timeout", in: .milliseconds(20) ... .seconds(30)) ?? .seconds(1)
    guard let request else {
      if !reader.has("poll"), reader.has("every") || reader.has("timeout") {
        reader.error(
          reader.has("every") ? "every" : "timeout", "a sensor that talks by itself is not asked",
          advice: "add poll with what it is to be asked, or remove every and timeout")
      }
      return nil
    }
    return LinePoint.Poll(request: request, every: every ?? .seconds(10), timeout: timeout)
  }

  private func readBytes(_ reader: TableReader, _ key: String, most: Int) -> [UInt8]? {
    guard let text = reader.string(key) else { return nil }
    do {
      let bytes = try LinePattern.bytes(text.value)
      if bytes.count <= most { return bytes }
      reader.error(key, "\(key) has \(bytes.count) bytes", advice: "use at most \(most)")
    } catch {
      reader.error(key, error.problem, advice: error.advice)
    }
    return nil
  }

  /// Whether the sensors of one port can share it.
  func checkLineSensors(_ port: DeclaredPort) {
    var first: (settings: LineSensorSettings, sensor: String)?
    for user in port.users {
      guard case .line(let settings) = declaredSensors[user.sensor]?.settings?.driver else { continue }
      guard let first else {
        first = (settings, user.sensor)
        continue
      }
      if first.settings.terminator != settings.terminator {
        problems.error(
          "sensor[\(user.sensor)].terminator", at: user.position,
          "\(user.sensor) ends its lines otherwise than \(first.sensor) on the same port",
          advice: "write the same terminator for both")
      }
      if (first.settings.point.poll == nil) != (settings.point.poll == nil) {
        problems.error(
          "sensor[\(user.sensor)].poll", at: user.position,
          "of \(first.sensor) and \(user.sensor) on one port only one is asked",
          advice: "give both a poll, or none; a sensor that talks by itself needs a port of its own")
      }
      for other in port.users where other.sensor != user.sensor {
        guard case .line(let theirs) = declaredSensors[other.sensor]?.settings?.driver,
          let own = settings.point.poll, let poll = theirs.point.poll, own.request == poll.request, own != poll
        else { continue }
        problems.error(
          "sensor[\(user.sensor)].every", at: user.position,
          "\(user.sensor) and \(other.sensor) are asked by the same poll at different times",
          advice: "write the same every and timeout for both")
        break
      }
    }
  }
}
