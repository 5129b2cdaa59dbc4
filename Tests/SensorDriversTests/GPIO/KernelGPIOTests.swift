import Foundation
import Observations
import SensorDrivers
import Testing

@Suite struct `The kernel's GPIO chips` {
  private static let input = GPIOInputSettings(
    line: .number(17), bias: .pullUp, isActiveLow: true, debounce: .milliseconds(50))

  @Test(arguments: ["/dev/gpiochip977", "gpiochip977", "no such label"])
  func `that are not there are missing ports`(chip: String) {
    let error = #expect(throws: SensorDriversError.self) { try KernelGPIO().inputs(chip: chip, lines: [Self.input]) }
    #expect(error?.cause == .portMissing)
    #expect(
      error?.description
        == "Failed to open the GPIO chip \(chip): there is no chip of this path, name or label. "
        + "Connect it, or correct `chip`; `gpiodetect` lists what is there.")
  }

  @Test func `are asked through the libgpiod that was meant`() {
    // `Tests/Debian13/run.sh` says 2: that its run is no second one against the machine's own.
    let expected = ProcessInfo.processInfo.environment["MIMAMORI_EXPECTED_LIBGPIOD"].map { [$0] } ?? ["1", "2"]
    #expect(expected.contains("\(KernelGPIO.libraryInterface)"))
  }

  @Test(arguments: ["/dev/null", "/dev/zero", "/etc/hostname"]) func `are told apart from other files`(path: String) {
    let error = #expect(throws: SensorDriversError.self) {
      try KernelGPIO().output(chip: path, line: .number(22), isActiveHigh: true, initial: false)
    }
    #expect(error?.cause == .portError)
    #expect(error?.description.contains("it is no GPIO chip") == true)
  }
}
