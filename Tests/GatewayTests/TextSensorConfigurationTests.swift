import Foundation
import Gateway
import Observations
import SensorDrivers
import Testing

/// The configurations of the sensors that speak SDI-12, MaxBotix's frames and lines of text.
@Suite struct `The configuration of a text sensor` {
  private static func example(_ name: String) throws -> GatewayConfiguration {
    let path = ConfigurationSamples.checkout.appending(path: "examples/sensors/\(name).toml")
    let check = ConfigurationSamples.check(Array(try Data(contentsOf: path)))
    #expect(check.problems.filter { $0.severity == .error }.isEmpty, "\(check.problemText)")
    return try #require(check.configuration)
  }

  @Test(arguments: ["sdi-12", "maxbotix", "line", "a02yyuw"])
  func `of each page's example is accepted`(name: String) throws {
    let configuration = try Self.example(name)
    for language in ["", ".ja"] {
      let page = ConfigurationSamples.checkout.appending(path: "docs/sensors/\(name)\(language).md")
      let text = try String(contentsOf: page, encoding: .utf8)
      #expect(text.contains("examples/sensors/\(name).toml"))
    }
    #expect(!configuration.sensors.isEmpty)
  }

  @Test func `of SDI-12 is read value by value`() throws {
    let configuration = try Self.example("sdi-12")
    let points = configuration.sensors.compactMap { sensor in
      if case .sdi12(let settings) = sensor.driver { settings.point } else { nil }
    }
    #expect(points.map(\.address.description) == ["0", "0", "1"])
    #expect(points.map(\.measurement.description) == ["M", "M", "C"])
    #expect(points.map(\.measurement.withChecksum) == [true, true, false])
    #expect(points.map(\.value) == [1, 2, 1])
    #expect(points.map(\.offset) == [0.25, 0, 4.2])
    #expect(points.map(\.longest) == [.seconds(30), .seconds(30), .seconds(60)])
    #expect(points[0].identity == "SEBAPULSPLS-C ")
    #expect(configuration.port("sdi")?.line == SerialLine(baud: 1200, dataBits: 7, parity: .even))
    #expect(configuration.port("sdi")?.breakMethod == nil)
  }

  @Test func `of lines is read value by value`() throws {
    let configuration = try Self.example("line")
    let settings = configuration.sensors.compactMap { sensor in
      if case .line(let settings) = sensor.driver { settings } else { nil }
    }
    #expect(settings.map(\.point.field) == [0, 1, 0])
    #expect(settings[0].point.pattern == settings[1].point.pattern)
    #expect(settings[2].point.poll?.request == Array("LV?\r".utf8))
    #expect(settings[2].point.poll?.timeout == .milliseconds(500))
    #expect(settings.allSatisfy { $0.terminator.isEmpty })
  }

  @Test func `of MaxBotix is read value by value`() throws {
    let configuration = try Self.example("maxbotix")
    guard case .maxbotix(let settings) = configuration.sensors[0].driver else {
      Issue.record("canal-1 is \(configuration.sensors[0].driver)")
      return
    }
    #expect(settings.output == .millimetres && settings.noTarget == 5000)
    #expect(settings.mountHeight == Measure(thousandths: 4200))
    #expect(settings.leastDistance == Measure(thousandths: 500))
  }
}
