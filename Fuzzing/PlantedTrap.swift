@testable import SensorDrivers

/// Proves that the fuzzer finds what is there: it traps when the parser finds a frame of 1000 to 1999 mm, which takes a
/// header, a plausible distance and a right sum.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  var parser = A02YYUWParser()
  for byte in unsafe UnsafeBufferPointer(start: start, count: count) {
    if case .millimetres(1000..<2000)? = unsafe parser.feed(byte) { fatalError("The planted trap") }
  }
  return 0
}
