import Foundation
import Gateway
import Testing

/// Every example of a sensor is a configuration that `check` accepts: readers copy from it.
struct SensorExamplesTests {
  static let names: [String] = {
    let folder = ConfigurationSamples.checkout.appending(path: "examples/sensors").path
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }()

  @Test(arguments: names)
  func `is accepted, with no warning but for files that come later`(name: String) throws {
    let file = ConfigurationSamples.checkout.appending(path: "examples/sensors/\(name)")
    let check = ConfigurationSamples.check(Array(try Data(contentsOf: file)), file: name)
    #expect(check.configuration != nil, "\(check.problemText)")
    for line in check.problemText.split(separator: "\n") {
      #expect(line.contains("there is no file"), "\(line)")
    }
  }

  @Test func `there are examples`() {
    #expect(Self.names.contains("board.toml"))
  }
}
