public import Observations
import SensorDrivers

/// Carries a `SerialProbe` out on a port, and shows what is said there.
public struct SerialProbeSession {
  private let wire: ProbeWire
  private let report: (String) -> Void
  private let print: (String) throws(GatewayError) -> Void

  /// - Parameters:
  ///   - report: takes progress, for standard error.
  ///   - print: takes results, for standard output.
  public init(
    _ wire: ProbeWire, report: @escaping (String) -> Void, print: @escaping (String) throws(GatewayError) -> Void
  ) {
    self.wire = wire
    self.report = report
    self.print = print
  }

  /// Finds out what is on the line. Ends early when it is stopped.
  public func search(_ settings: SerialProbe.Settings) throws(GatewayError) -> SerialProbe {
    var probe = SerialProbe(settings)
    var said = ""
    while !wire.isStopped, let step = probe.next() {
      if probe.progress != said { report(probe.progress) }
      said = probe.progress
      let patience: TimeSpan
      switch step {
      case .configure(let line):
        try wire.configure(line)
        continue
      case .listen(let span): patience = span
      case .ask(let bytes, let span):
        try wire.send(bytes)
        patience = span
      }
      try wire.listen(until: wire.now + patience) { bytes, _ in probe.received(bytes) }
    }
    return probe
  }

  /// Shows frames beside what they mean, for `span` or until it is stopped.
  public func watch(_ talker: Talker, for span: TimeSpan) throws(GatewayError) {
    var recognition = TalkerRecognition()
    let start = wire.now
    var lines: [String] = []
    while !wire.isStopped, wire.now < start + span {
      try wire.listen(until: min(start + span, wire.now + .milliseconds(200))) { bytes, time in
        recognition.take(bytes) { frame in
          // A Bluetooth frame says who was near: its kind and length are enough here.
          guard frame.talker == talker, talker != .hci else { return }
          lines.append(Self.row(time - start, frame.bytes, frame.meaning))
        }
        return false
      }
      for line in lines { try print(line) }
      lines.removeAll()
    }
  }

  /// Asks the devices whose registers could be read once a second and shows both frames beside the numbers.
  public func poll(_ devices: [SerialProbe.Device], for span: TimeSpan) throws(GatewayError) {
    let start = wire.now
    while !wire.isStopped, wire.now < start + span {
      let turn = wire.now
      for device in devices where !wire.isStopped { try ask(device, since: start) }
      wire.pause(until: min(turn + .seconds(1), start + span))
    }
  }

  private func ask(_ device: SerialProbe.Device, since start: MonotonicTime) throws(GatewayError) {
    guard let first = device.registers.first,
      let request = ModbusRequest(unit: device.unit, table: first.table, address: first.address, quantity: 1)
    else { return }
    var parser = ModbusReplyParser()
    parser.expect(request)
    var question: [UInt8] = []
    request.encode(into: &question)
    try wire.send(question)
    var heard: [UInt8] = []
    var meaning = "no answer"
    try wire.listen(until: wire.now + .milliseconds(500)) { bytes, _ in
      for index in bytes.indices {
        if heard.count < 64 { heard.append(bytes[index]) }
        guard let match = parser.feed(bytes[index]) else { continue }
        meaning = match.exception.map { "\($0)" } ?? Self.value(parser.register(0))
        return true
      }
      return false
    }
    let hex = Hexadecimal.text(of: question.span)
    let text = "unit \(device.unit) \(first.table.rawValue) \(first.address): \(meaning)"
    try print(Self.row(wire.now - start, heard, text, asked: hex))
  }

  static func value(_ raw: UInt16) -> String {
    raw > 0x7FFF ? "\(raw) (signed \(Int16(bitPattern: raw)))" : "\(raw)"
  }

  /// `  1.203 s  ff07a1a7            1953 mm`
  static func row(_ time: TimeSpan, _ bytes: [UInt8], _ meaning: String, asked: String? = nil) -> String {
    let milliseconds = max(0, time.milliseconds)
    let fraction = String(1000 + milliseconds % 1000).dropFirst()
    let clock = "\(milliseconds / 1000).\(fraction) s"
    let hex = (asked.map { "\($0) > " } ?? "") + Hexadecimal.text(of: bytes.span)
    let padding = String(repeating: " ", count: max(2, (asked == nil ? 12 : 34) - hex.utf8.count))
    return String(repeating: " ", count: max(0, 10 - clock.utf8.count)) + clock + "  " + hex + padding + meaning
  }
}
