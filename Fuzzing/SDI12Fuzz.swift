import Observations

@testable import SensorDrivers

private func point(_ address: UInt8, _ measure: String, crc: Bool, value: Int, identity: String? = nil) -> SDI12Point {
  SDI12Point(
    sensor: SensorID("\(address)-\(measure.count)-\(value)"), quantity: .waterLevel, address: SDI12Address(address)!,
    measurement: SDI12Measurement(text: measure, withChecksum: crc)!, value: value, every: .seconds(1),
    longest: .seconds(5), identity: identity)
}

private let idleBus = SDI12Bus(
  line: SerialLine(baud: 1200, dataBits: 7, parity: .even),
  points: [
    point(0x30, "M", crc: true, value: 1), point(0x30, "M", crc: true, value: 2),
    point(0x31, "C", crc: false, value: 1), point(0x32, "R0", crc: false, value: 1, identity: "A"),
  ])

private let answers = [
  "00012\r\n", "0\r\n", "0+3.14OqZ\r\n", "0AP@\r\n", "100101\r\n", "1+1.5\r\n", "214ABCDEFGHIJKLMNOPQ\r\n",
  "2-7\r\n", "0MC!", "\0",
].map { Array($0.utf8) }

/// An SDI-12 line with three devices. The input is a script: a byte says what happens next, true and false answers among
/// it. Besides not trapping, the bus must move on, a break must end before long, and whatever it hears it may send one
/// command at a time and none during a break.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe script(start, count, most: 128)
  var line = ScriptedBus(idleBus, input: input)
  var isBreaking = false
  check(&line.actions, &isBreaking)
  while let step = line.step() {
    switch step >> 5 {
    case 0, 1, 2: line.wake()
    case 3: line.pass(milliseconds: Int64(step & 31))
    case 4: line.hearScript(Int(step & 31) + 1)
    default: line.hear(answers[Int(step & 31) % answers.count], isSpoilt: step >> 5 == 7)
    }
    check(&line.actions, &isBreaking)
  }
  var reader = SDI12LineReader()
  reader.expect(echo: input.span.extracting(0..<min(4, input.count)))
  var values: [Double] = []
  for byte in input where reader.feed(byte) {
    let line = reader.line
    precondition(line.count <= SDI12LineReader.maximumLength, "A line without limit")
    _ = SDI12Values.parse(line.span, from: SDI12Address(0x30)!, withChecksum: false, into: &values)
    _ = SDI12Promise(line.span, from: SDI12Address(0x30)!, to: .concurrent)
    _ = SDI12Identification(line.span, from: SDI12Address(0x30)!)
  }
  precondition(values.allSatisfy { abs($0) < 1e12 }, "A value that no line can hold")
  return 0
}

/// Looks at what was done, and forgets it.
private func check(_ actions: inout DriverActions, _ isBreaking: inout Bool) {
  switch actions.lineBreak {
  case .begin:
    precondition(!isBreaking, "A break within a break")
    isBreaking = true
  case .end:
    precondition(isBreaking, "The end of no break")
    isBreaking = false
  case nil: break
  }
  precondition(actions.transmit.isEmpty || !isBreaking, "A command during a break")
  precondition(actions.transmit.count <= 5, "More than one command at a time")
  precondition(actions.transmit.isEmpty || actions.transmit.last == UInt8(ascii: "!"), "No command")
  precondition(actions.observations.count <= 16, "More is said than can have happened")
  actions.removeAll()
}
