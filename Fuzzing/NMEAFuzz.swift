import Observations

@testable import SensorDrivers

/// A satellite receiver: any bytes, in any pieces. Besides not trapping, what is said must not depend on how the bytes
/// were split, and a position must lie on Earth.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe script(start, count)
  var whole = SatelliteReceiver(sensor: "gnss")
  var parts = whole
  var wholeActions = DriverActions()
  var partActions = DriverActions()
  let time = MonotonicTime(nanoseconds: 10_000_000_000)
  let opened = MonotonicTime(nanoseconds: 0)
  whole.opened(at: opened, into: &wholeActions)
  parts.opened(at: opened, into: &partActions)
  whole.received(input.span, at: time, into: &wholeActions)
  for byte in input {
    let piece = [byte]
    parts.received(piece.span, at: time, into: &partActions)
  }
  guard wholeActions.observations == partActions.observations else { fatalError("The split matters") }
  for timed in wholeActions.observations {
    guard case .position(_, let fix) = timed.observation else { continue }
    guard abs(fix.position.latitude) <= 90, abs(fix.position.longitude) <= 180,
      fix.accuracy.map({ $0.thousandths >= 0 }) ?? true
    else { fatalError("A position that is not on Earth") }
  }
  return 0
}
