import Gateway
import Observations
import SensorDrivers
import Testing

@Suite struct `A probe of a serial line` {
  /// A line at whose end a device hears what is sent with the right settings, and answers.
  private struct Line {
    let settings: SerialLine
    let answer: ([UInt8]) -> [UInt8]
    var talk: [UInt8] = []
    var asked: [[UInt8]] = []

    /// Carries the probe out to its end. Returns how often the settings were changed.
    mutating func run(_ probe: inout SerialProbe) -> Int {
      var current: SerialLine?
      var changes = 0
      while let step = probe.next() {
        switch step {
        case .configure(let line):
          current = line
          changes += 1
        case .listen:
          if current == settings { _ = probe.received(talk.span) }
        case .ask(let bytes, _):
          asked.append(bytes)
          guard current == settings else { continue }
          let reply = answer(bytes)
          if !reply.isEmpty { _ = probe.received(reply.span) }
        }
      }
      return changes
    }
  }

  /// A Modbus device with input registers from 0 to 3, that knows no holding registers unless `holds`.
  private static func device(_ unit: UInt8, holds: Bool = false, hasInput: Bool = true) -> ([UInt8]) -> [UInt8] {
    { bytes in
      guard let request = ModbusRequest(frame: bytes.span), request.unit == unit else { return [] }
      var answer: [UInt8] = []
      let isThere = request.table == .input ? hasInput : holds
      if !isThere {
        guard hasInput else { return [] }
        request.encodeException(.illegalFunction, into: &answer)
      } else if Int(request.address) + request.quantity > 4 {
        request.encodeException(.illegalDataAddress, into: &answer)
      } else {
        request.encodeAnswer((0..<request.quantity).map { UInt16(4120 + $0) }, into: &answer)
      }
      return answer
    }
  }

  @Test(
    arguments: [
      (UInt8(1), SerialLine(baud: 9600, parity: .even)), (7, SerialLine(baud: 9600)),
      (16, SerialLine(baud: 19_200, parity: .even)), (3, SerialLine(baud: 115_200)),
      (2, SerialLine(baud: 9600, parity: .odd)), (200, SerialLine(baud: 9600, parity: .even)),
      (247, SerialLine(baud: 4800)),
    ] as [(UInt8, SerialLine)])
  func `finds a Modbus device and reads what it lets be read`(unit: UInt8, settings: SerialLine) throws {
    var line = Line(settings: settings, answer: Self.device(unit))
    var probe = SerialProbe(SerialProbe.Settings())
    _ = line.run(&probe)
    let found = try #require(probe.devices.first)
    #expect(probe.devices.count == 1 && found.unit == unit && found.line == settings)
    #expect(found.registers.map(\.value) == [4120, 4121, 4122, 4123])
    #expect(found.registers.allSatisfy { $0.table == .input })
    #expect(probe.talker == nil)
  }

  @Test func `finds a device that has holding registers alone`() {
    var line = Line(settings: SerialLine(baud: 9600), answer: Self.device(5, holds: true, hasInput: false))
    var probe = SerialProbe(SerialProbe.Settings())
    _ = line.run(&probe)
    #expect(probe.devices.map(\.unit) == [5])
    #expect(probe.devices.first?.registers.map(\.table) == [.holding, .holding, .holding, .holding])
  }

  @Test func `finds all devices of one line, and tries no other settings then`() {
    let answers = [Self.device(2), Self.device(30), Self.device(247)]
    var line = Line(
      settings: SerialLine(baud: 9600), answer: { bytes in answers.lazy.map { $0(bytes) }.first { !$0.isEmpty } ?? [] })
    var probe = SerialProbe(SerialProbe.Settings())
    let changes = line.run(&probe)
    #expect(probe.devices.map(\.unit) == [2, 30, 247])
    #expect(changes <= 8)
  }

  @Test func `asks no more than the addresses that it was given`() {
    var line = Line(settings: SerialLine(baud: 9600), answer: { _ in [] })
    var probe = SerialProbe(SerialProbe.Settings(addresses: 3...20, line: SerialLine(baud: 9600)))
    _ = line.run(&probe)
    let units = Set(line.asked.compactMap { ModbusRequest(frame: $0.span)?.unit })
    #expect(units == Set(3...20))
    #expect(probe.devices.isEmpty && probe.talker == nil && probe.chatter == nil)
  }

  @Test func `writes no register, whatever answers`() {
    for answer in [{ (_: [UInt8]) in [UInt8]() }, Self.device(1), Self.device(9, holds: true), { $0 }] {
      var line = Line(settings: SerialLine(baud: 9600), answer: answer)
      var probe = SerialProbe(SerialProbe.Settings())
      _ = line.run(&probe)
      for bytes in line.asked {
        let isRead = ModbusRequest(frame: bytes.span) != nil
        #expect(isRead || bytes == [0x01, 0x01, 0x10, 0x00], "\(bytes)")
      }
    }
  }

  @Test func `does not take a bridge's word for a device`() {
    var line = Line(
      settings: SerialLine(baud: 9600),
      answer: { bytes in
        guard let request = ModbusRequest(frame: bytes.span) else { return [] }
        var answer: [UInt8] = []
        request.encodeException(.gatewayTargetFailedToRespond, into: &answer)
        return answer
      })
    var probe = SerialProbe(SerialProbe.Settings(addresses: 1...4))
    _ = line.run(&probe)
    #expect(probe.devices.isEmpty)
  }

  @Test(arguments: [
    (
      Talker.a02yyuw, SerialLine(baud: 9600),
      Array(repeating: [0xFF, 0x07, 0xA1, 0xA7] as [UInt8], count: 4).flatMap { $0 }
    ),
    (.maxbotix, SerialLine(baud: 9600), Array("R1234\rR1235\rR5000 \rR123\r".utf8)),
    (
      .nmea, SerialLine(baud: 4800),
      Array(String(repeating: "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n", count: 3).utf8)
    ),
  ])
  func `names what talks by itself`(talker: Talker, settings: SerialLine, talk: [UInt8]) {
    var line = Line(settings: settings, answer: { _ in [] }, talk: [0x00, 0x13] + talk)
    var probe = SerialProbe(SerialProbe.Settings())
    _ = line.run(&probe)
    #expect(probe.talker?.talker == talker && probe.talker?.line == settings)
    #expect(line.asked.count == 0, "a line that talks is not disturbed")
  }

  @Test func `finds a Bluetooth controller by its answer`() {
    var line = Line(
      settings: SerialLine(baud: 1_000_000),
      answer: { $0 == [1, 1, 0x10, 0] ? [4, 0x0E, 12, 1, 1, 0x10, 0, 9, 0, 1, 9, 0xF1, 5, 0, 1] : [] })
    var probe = SerialProbe(SerialProbe.Settings())
    _ = line.run(&probe)
    #expect(probe.talker?.talker == .hci && probe.talker?.line == SerialLine(baud: 1_000_000))
  }

  @Test func `says what it heard and does not know`() {
    var line = Line(settings: SerialLine(baud: 4800), answer: { _ in [] }, talk: Array("hello, here I am\r\n".utf8))
    var probe = SerialProbe(SerialProbe.Settings(addresses: 1...1))
    _ = line.run(&probe)
    #expect(probe.chatter?.line == SerialLine(baud: 4800) && probe.chatter?.count == 18)
    #expect(ProbeReport.text(probe, device: "/dev/ttyS1").contains("68656c6c6f"))
  }

  @Test func `takes a line with a sum for a satellite receiver only if it is one's sentence`() {
    let line = Array(String(repeating: "$RDR,2.154,18.5,OK*52\r\n", count: 3).utf8)
    var wire = Line(settings: SerialLine(baud: 9600), answer: { _ in [] }, talk: line)
    var probe = SerialProbe(SerialProbe.Settings(addresses: 1...1))
    _ = wire.run(&probe)
    #expect(probe.talker == nil)
    let report = ProbeReport.text(probe, device: "/dev/ttyS1")
    #expect(report.contains("which is text: $RDR,2.154,18.5,OK*52") && report.contains("docs/sensors/line.md"))
  }

  @Test func `names nothing in noise, and never traps`() {
    var state: UInt64 = 7
    func random() -> UInt8 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    for _ in 0..<50 {
      var recognition = TalkerRecognition()
      for _ in 0..<20 {
        let noise = (0..<100).map { _ in random() }
        recognition.take(noise.span)
      }
      #expect(recognition.talker == nil)
      #expect(recognition.byteCount == 2000)
    }
  }
}

@Suite struct `A block to paste` {
  private func problems(of block: String) -> (errors: [String], configuration: GatewayConfiguration?) {
    let head = """
      schema = 1
      [gateway]
      id = "kakogawa-042"
      name = "局"
      municipality = "282103"
      position = { latitude = 34.7993, longitude = 134.8862 }
      timezone = "Asia/Tokyo"
      languages = ["ja"]
      state = "/var/lib/mimamori"
      [mqtt]
      host = "127.0.0.1"
      root = "mimamori/282103"
      watch_root = "mimamori-watch/282103"

      """
    let check = ConfigurationChecker.check(
      Array((head + block).utf8), file: "gateway.toml", locations: FileLocations(configuration: "gateway.toml"))
    return (check.problems.filter { $0.severity == .error }.map { $0.text(file: "gateway.toml") }, check.configuration)
  }

  @Test(arguments: Talker.allCases) func `for a talker is accepted by check`(talker: Talker) {
    let block = ConfigurationBlock.text(for: talker, line: SerialLine(baud: 9600), device: "/dev/ttyS1")
    let (errors, configuration) = problems(of: block)
    #expect(errors.isEmpty)
    #expect(configuration?.sensors.count == 1)
  }

  @Test func `for Modbus devices is accepted by check`() {
    let line = SerialLine(baud: 19_200, parity: .even)
    let devices = [UInt8(1), 17, 247].map { SerialProbe.Device(unit: $0, line: line) }
    let (errors, configuration) = problems(of: ConfigurationBlock.text(for: devices, device: "/dev/tty\"S1"))
    #expect(errors.isEmpty)
    #expect(configuration?.ports.first?.line == line && configuration?.ports.first?.device == "/dev/tty\"S1")
    #expect(configuration?.sensors.map(\.id.text) == ["level-1", "level-17", "level-247"])
  }

  @Test(arguments: [GPIOLine.number(17), .name("GPIO17")]) func `for a GPIO line is accepted by check`(line: GPIOLine) {
    let (errors, configuration) = problems(
      of: ConfigurationBlock.text(forLine: line, chip: "/dev/gpiochip0", bias: .pullUp))
    #expect(errors.isEmpty)
    #expect(configuration?.sensors.count == 1)
  }
}
