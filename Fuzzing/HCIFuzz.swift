import Observations

@testable import SensorDrivers

/// A Bluetooth receiver: any bytes as HCI packets, in any pieces, with any pauses and deadlines between. Besides not
/// trapping, what is heard must not depend on how the bytes were split.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let receiver = BeaconReceiver(sensor: "gate-north")
  _ = unsafe SplitRun(receiver, input: script(start, count), countBits: 6, least: 0, pauseMilliseconds: 100)
  return 0
}
