import Observations

private func point(_ unit: UInt8, _ address: UInt16, _ type: ModbusNumberType) -> ModbusPoint {
  ModbusPoint(
    sensor: SensorID("\(unit)-\(address)"), quantity: .waterLevel, unit: unit, table: .input, address: address,
    type: type, scale: 0.001, every: .milliseconds(100), timeout: .milliseconds(50), retries: 1)
}

private let idleBus = ModbusBus(
  line: SerialLine(baud: 9600), points: [point(1, 0, .int16), point(1, 1, .int16), point(2, 0, .float32)])

/// A Modbus line with three sensors. The input is a script: a byte says what happens next, true and false answers among
/// it. Besides not trapping, the bus must ask again before long, and its next deadline must never lie in the past.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: min(count, 128)))
  var bus = idleBus
  var actions = DriverActions()
  var time = MonotonicTime(nanoseconds: 0)
  var request: ModbusRequest?
  bus.opened(at: time, into: &actions)
  var index = 0
  while index < input.count {
    let step = input[index]
    index += 1
    switch step >> 5 {
    case 0, 1, 2:
      time = max(time, bus.nextDeadline ?? time)
      bus.wake(at: time, into: &actions)
      precondition(bus.nextDeadline.map { $0 > time } ?? false, "A deadline that does not move on")
    case 3:
      time = time + .milliseconds(Int64(step & 31))
    case 4, 5:
      let end = min(index + Int(step & 31) + 1, input.count)
      bus.received(input.span.extracting(index..<end), at: time, into: &actions)
      index = end
    default:
      guard let request else { continue }
      var answer: [UInt8] = []
      if step & 1 == 0 {
        request.encodeAnswer([UInt16](repeating: UInt16(step), count: request.quantity), into: &answer)
      } else {
        request.encodeException(ModbusException(rawValue: step & 15), into: &answer)
      }
      if step & 2 != 0, index < input.count { answer[Int(input[index]) % answer.count] ^= 1 << (input[index] >> 5) }
      bus.received(answer.span, at: time, into: &actions)
    }
    if let sent = ModbusRequest(frame: actions.transmit.span) { request = sent }
    precondition(actions.transmit.isEmpty || actions.transmit.count == 8, "More than one request at a time")
    precondition(actions.observations.count <= 64, "More is said than can have happened")
    actions.removeAll()
  }
  var parser = ModbusReplyParser()
  if let request { parser.expect(request) }
  for byte in input {
    if let match = parser.feed(byte) {
      precondition(match.exception != nil || parser.registerCount == match.request.quantity, "A wrong length")
    }
  }
  _ = ModbusRequest(frame: input.span)
  return 0
}
