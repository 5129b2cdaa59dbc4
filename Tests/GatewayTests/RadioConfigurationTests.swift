import Alerts
import Foundation
import Observations
import SensorDrivers
import Testing

@testable import Gateway

@Suite struct `A configuration of receivers and tags` {
  private func example(_ name: String) throws -> ConfigurationCheck {
    let path = ConfigurationSamples.checkout.appending(path: "examples/sensors/\(name).toml")
    return ConfigurationSamples.check(Array(try Data(contentsOf: path)), file: "\(name).toml")
  }

  @Test func `of the example names both ways to a receiver and both kinds of tag formats`() throws {
    let check = try example("bluetooth")
    let configuration = try #require(check.configuration, "\(check.problemText)")
    let attachments = configuration.sensors.compactMap { sensor in
      if case .hci(let settings) = sensor.driver { settings.attachment } else { nil }
    }
    #expect(attachments == [.serial(PortID("beacon")), .controller(0)])
    #expect(configuration.sensors.map(\.port) == [PortID("beacon"), nil])
    let acme = try #require(TagFormat(name: "acme"))
    let secret = try #require(TagFormat(name: "acme-private"))
    #expect(
      configuration.tagFormats == [
        RawTagRule(
          format: acme, carrier: .company(0x0499), match: [0xA1, 0x00], mask: [0xFF, 0x0F],
          identity: .bytes(offset: 2, count: 6), button: RawTagRule.Button(offset: 9, bit: 0),
          battery: RawTagRule.Battery(offset: 8, unit: .percent)),
        RawTagRule(
          format: secret, carrier: .company(0x0499), match: [0xB2], identity: .address,
          battery: RawTagRule.Battery(offset: 1, unit: .decivolts)),
      ])
    #expect(configuration.watchlist?.resolverKeys?.written == "rotating-keys.json")
    // What is told are the files that lie elsewhere, and nothing else.
    #expect(check.problems.allSatisfy { $0.message.contains("there is no file") })
  }

  @Test func `of the example gives a receiver its one-coin sensors`() throws {
    let check = try example("one-coin")
    let configuration = try #require(check.configuration, "\(check.problemText)")
    #expect(check.problems.isEmpty)
    let contacts = configuration.radioContacts(of: "underpass-receiver")
    #expect(contacts.map(\.sensor) == ["underpass-low", "underpass-east", "underpass-west"])
    #expect(contacts.map(\.silentAfter) == Array(repeating: .seconds(90), count: 3))
    #expect(contacts.map(\.unheardAfter) == Array(repeating: .minutes(10), count: 3))
    #expect(contacts.map(\.lowBattery) == [10, 10, 10])
    #expect(contacts.map { $0.tag.byte(19) } == [1, 2, 3])
    #expect(contacts.allSatisfy { $0.tag.format == .iBeacon })
    #expect(configuration.radioContacts(of: "underpass-low").isEmpty)
    // Silence is no fault of theirs, and they say nothing by themselves.
    #expect(configuration.sensors.dropFirst().allSatisfy { $0.plan.staleAfter == nil })
  }

  @Test func `gives a receiver the time it may hear nothing`() throws {
    func quietAfter(_ key: String) throws -> TimeSpan? {
      let text = ConfigurationSamples.small(
        """
        [[sensor]]
        id = "gate"
        name = "校門"
        driver = "hci"
        controller = "hci12"
        quantity = "beacon"
        \(key)
        """)
      let check = ConfigurationSamples.check(text)
      let configuration = try #require(check.configuration, "\(check.problemText)")
      guard case .hci(let settings)? = configuration.sensors.first?.driver else { return nil }
      #expect(settings.controller == 12)
      return settings.quietAfter
    }
    #expect(try quietAfter("") == .minutes(10))
    #expect(try quietAfter("quiet_after = \"720h\"") == .hours(720))
  }
}
