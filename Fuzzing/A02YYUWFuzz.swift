import Observations

/// The ultrasonic sensor's frames: any bytes, in any pieces, with any pauses. Besides not trapping, what is said must not
/// depend on how the bytes were split, and a level must lie where the sensor can measure.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  let sensor: SensorID = "canal-1"
  var whole = UltrasonicSensor(sensor: sensor, mountHeight: Measure(thousandths: 4500))
  var parts = whole
  var wholeActions = DriverActions()
  var partActions = DriverActions()
  var time = MonotonicTime(nanoseconds: 0)
  whole.opened(at: time, into: &wholeActions)
  parts.opened(at: time, into: &partActions)
  var index = 0
  while index < input.count {
    // One byte says how long the line is silent and how many bytes come then.
    time = time + .milliseconds(Int64(input[index] >> 4) * 20)
    while let deadline = whole.nextDeadline, deadline <= time {
      whole.wake(at: deadline, into: &wholeActions)
      parts.wake(at: deadline, into: &partActions)
      precondition(whole.nextDeadline != deadline, "A deadline that does not move on")
    }
    let end = min(index + 2 + Int(input[index] & 15), input.count)
    whole.received(input.span.extracting(index + 1..<max(end, index + 1)), at: time, into: &wholeActions)
    for place in index + 1..<max(end, index + 1) {
      parts.received(input.span.extracting(place..<place + 1), at: time, into: &partActions)
    }
    index = end
  }
  precondition(wholeActions.observations == partActions.observations, "The split changes what is said")
  precondition(whole.counters == parts.counters, "The split changes the counters")
  for timed in wholeActions.observations {
    if case .reading(_, let level) = timed.observation {
      precondition((0...4469).contains(level.thousandths), "A level that the sensor cannot measure")
    }
  }
  return 0
}
