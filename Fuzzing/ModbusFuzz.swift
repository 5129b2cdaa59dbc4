import Observations

@testable import SensorDrivers

private func point(_ unit: UInt8, _ address: UInt16, _ type: ModbusNumberType) -> ModbusPoint {
  ModbusPoint(
    sensor: SensorID("\(unit)-\(address)"), quantity: .waterLevel, unit: unit, table: .input, address: address,
    type: type, scale: 0.001, every: .milliseconds(100), timeout: .milliseconds(50), retries: 1)
}

private func contact(_ unit: UInt8, _ address: UInt16) -> ModbusPoint {
  ModbusPoint(
    sensor: SensorID("contact-\(address)"), quantity: .floodContact, unit: unit, table: .discrete, address: address,
    type: .uint16, meaning: .contact(activeWhenSet: true), every: .milliseconds(100), timeout: .milliseconds(50),
    retries: 0)
}

private func output(_ unit: UInt8, _ target: ModbusOutput.Target) -> ModbusOutput {
  ModbusOutput(
    output: OutputID("\(unit)"), unit: unit, target: target, isSafeOn: false, refresh: .seconds(1),
    timeout: .milliseconds(50), retries: 1)
}

private let idleBus = ModbusBus(
  line: SerialLine(baud: 9600),
  points: [
    point(1, 0, .int16), point(1, 1, .int16), point(2, 0, .float32), contact(1, 3), contact(1, 5), point(3, 0, .uint16),
  ],
  outputs: [output(1, .coil(0, onWhenSet: true)), output(4, .register(2, on: 1, off: 0))],
  identities: [
    ModbusIdentity(unit: 3, table: .holding, address: 9, type: .uint16, wordOrder: .abcd, value: 192)
  ],
  manners: ModbusLineManners(pause: .milliseconds(2), gap: 2))

private func truth(_ request: ModbusRequest, _ step: UInt8) -> [UInt8] {
  var answer: [UInt8] = []
  if request.written != nil {
    request.encode(into: &answer)
  } else if request.table.holdsBits {
    request.encodeAnswer([Bool](repeating: step & 4 != 0, count: request.quantity), into: &answer)
  } else {
    request.encodeAnswer([UInt16](repeating: UInt16(step), count: request.quantity), into: &answer)
  }
  return answer
}

/// A Modbus line with sensors, contacts and outputs. The input is a script: a byte says what happens next, commands, true
/// and false answers among it. Besides not trapping, the bus must ask again before long, and its next deadline must never
/// lie in the past.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe script(start, count, most: 128)
  var line = ScriptedBus(idleBus, input: input)
  var request: ModbusRequest?
  while let step = line.step() {
    switch step >> 5 {
    case 0, 1, 2: line.wake()
    case 3:
      line.pass(milliseconds: Int64(step & 15))
      if step & 16 != 0 {
        line.bus.command(
          OutputID(step & 1 == 0 ? "1" : "4"), on: step & 2 == 0, at: line.time, into: &line.actions)
      }
    case 4, 5: line.hearScript(Int(step & 31) + 1)
    default:
      guard let request else { continue }
      var answer: [UInt8] = []
      if step & 1 == 0 {
        answer = truth(request, step)
      } else {
        request.encodeException(ModbusException(rawValue: step & 15), into: &answer)
      }
      line.hear(answer, isSpoilt: step & 2 != 0)
    }
    if let sent = ModbusRequest(frame: line.actions.transmit.span) { request = sent }
    precondition(line.actions.transmit.isEmpty || line.actions.transmit.count == 8, "More than one request at a time")
    precondition(line.actions.observations.count <= 64, "More is said than can have happened")
    line.actions.removeAll()
  }
  var parser = ModbusReplyParser()
  if let request { parser.expect(request) }
  for byte in input {
    if let match = parser.feed(byte) {
      let hasRegisters = match.exception == nil && match.request.written == nil && !match.request.table.holdsBits
      precondition(!hasRegisters || parser.registerCount == match.request.quantity, "A wrong length")
      _ = parser.bit(Int(byte))
    }
  }
  _ = ModbusRequest(frame: input.span)
  return 0
}
