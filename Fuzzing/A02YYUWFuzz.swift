import Observations

@testable import SensorDrivers

/// The ultrasonic sensor's frames: any bytes, in any pieces, with any pauses. Besides not trapping, what is said must not
/// depend on how the bytes were split, and a level must lie where the sensor can measure.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let sensor = UltrasonicSensor(sensor: "canal-1", mountHeight: Measure(thousandths: 4500))
  let run = unsafe SplitRun(sensor, input: script(start, count), countBits: 4, least: 1, pauseMilliseconds: 20)
  precondition(run.levels.allSatisfy { (0...4469).contains($0) }, "A level that the sensor cannot measure")
  return 0
}
