import Observations

/// A Bluetooth receiver: any bytes as HCI packets, in any pieces, with any pauses and deadlines between. Besides not
/// trapping, what is heard must not depend on how the bytes were split.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  var whole = BeaconReceiver(sensor: "gate-north")
  var parts = whole
  var wholeActions = DriverActions()
  var partActions = DriverActions()
  var time = MonotonicTime(nanoseconds: 0)
  whole.opened(at: time, into: &wholeActions)
  parts.opened(at: time, into: &partActions)
  var index = 0
  while index < input.count {
    // One byte says how long the line is silent and how many bytes come then.
    time = time + .milliseconds(Int64(input[index] >> 6) * 100)
    while let deadline = whole.nextDeadline, deadline <= time {
      whole.wake(at: deadline, into: &wholeActions)
      parts.wake(at: deadline, into: &partActions)
      precondition(whole.nextDeadline != deadline, "A deadline that does not move on")
    }
    let end = max(min(index + 1 + Int(input[index] & 63), input.count), index + 1)
    // Nothing is handed over when nothing came: it would prolong the wait for the rest of a packet.
    if end > index + 1 {
      whole.received(input.span.extracting(index + 1..<end), at: time, into: &wholeActions)
    }
    for place in index + 1..<end {
      parts.received(input.span.extracting(place..<place + 1), at: time, into: &partActions)
    }
    index = end
  }
  precondition(wholeActions.observations == partActions.observations, "The split changes what is heard")
  precondition(wholeActions.transmit == partActions.transmit, "The split changes what is sent")
  precondition(whole.counters == parts.counters, "The split changes the counters")
  return 0
}
