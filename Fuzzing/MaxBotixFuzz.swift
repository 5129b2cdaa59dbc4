import Observations

@testable import SensorDrivers

/// The frames of a MaxBotix sensor: any bytes, in any pieces, with any pauses. Besides not trapping, what is said must not
/// depend on how the bytes were split, and a level must lie where the sensor can measure.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let sensor = MaxBotixSensor(
    sensor: "canal-1", mountHeight: Measure(thousandths: 5000), output: .millimetres,
    leastDistance: Measure(thousandths: 300))
  let run = unsafe SplitRun(sensor, input: script(start, count), countBits: 4, least: 1, pauseMilliseconds: 20)
  precondition(run.levels.allSatisfy { (1...4699).contains($0) }, "A level that the sensor cannot measure")
  return 0
}
