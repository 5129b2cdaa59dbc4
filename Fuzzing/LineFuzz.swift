import Observations

@testable import SensorDrivers

@_silgen_name("__lsan_disable") private func disableLeakCheck()
@_silgen_name("__lsan_enable") private func enableLeakCheck()

private let patterns = ["L {value} m*{checksum:xor}", "{skip};{a},{b} {status:OK|A}", "{0x02}{value}{skip}"]

private func point(_ index: Int, poll: LinePoint.Poll? = nil) -> LinePoint {
  LinePoint(
    sensor: SensorID("line-\(index)"), quantity: .waterLevel, pattern: try! LinePattern(patterns[index]), field: 0,
    poll: poll)
}

/// Made once, and out of sight of the leak check: an enum's case stands in the spare bits of its pointer, and the check
/// does not know such a pointer. What is allocated for an input is checked.
private let drivers: [LineSensors] = {
  disableLeakCheck()
  defer { enableLeakCheck() }
  let free = LineSensors(points: [point(0), point(1), point(2)])
  let asked = LineSensors(
    points: [0, 1].map { index in
      point(
        index, poll: LinePoint.Poll(request: [UInt8(index)], every: .milliseconds(200), timeout: .milliseconds(50)))
    }, terminator: [0x0D, 0x0A])
  return [free, asked]
}()

/// Patterns, lines and the drivers of both kinds: any pattern, any bytes, in any pieces. Besides not trapping, no line may
/// be held without limit, a matched line must give all its numbers, and deadlines must move on.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe script(start, count)
  fuzzPattern(input)
  for idle in drivers {
    var driver = idle
    var actions = DriverActions()
    var time = MonotonicTime(nanoseconds: 0)
    driver.opened(at: time, into: &actions)
    var index = 0
    while index < input.count {
      time = time + .milliseconds(Int64(input[index] >> 4) * 20)
      for _ in 0..<100 {
        guard let deadline = driver.nextDeadline, deadline <= time else { break }
        driver.wake(at: deadline, into: &actions)
        precondition(driver.nextDeadline.map { $0 > deadline } ?? true, "A deadline that does not move on")
      }
      let end = min(index + 2 + Int(input[index] & 15), input.count)
      driver.received(input.span.extracting(index + 1..<max(end, index + 1)), at: time, into: &actions)
      index = end
    }
    for timed in actions.observations {
      if case .reading(_, let level) = timed.observation { precondition(abs(level.value) < 1e15, "No number") }
    }
  }
  return 0
}

/// The first half is a pattern, the second a line.
private func fuzzPattern(_ input: [UInt8]) {
  let middle = input.count / 2
  let text = String(decoding: input[..<middle], as: UTF8.self)
  var lines: [[UInt8]] = [Array(input[middle...])]
  var collector = LineCollector()
  for byte in input where collector.feed(byte) {
    precondition((1...LineCollector.maximumLength).contains(collector.line.count), "A line without limit")
    lines.append(collector.line)
  }
  guard let pattern = try? LinePattern(text) else { return }
  for line in lines {
    var values: [Double] = []
    let result = pattern.match(line.span, into: &values)
    precondition(values.count == (result == .values ? pattern.fields.count : 0), "Numbers of no match")
  }
}
