import Alerts
import Gateway
import Observations
import SensorDrivers
import Testing

@Suite struct `What a contact is for` {
  private static func contact(
    quantity: String = "contact", position: String = "active = \"open\"", rule: String
  ) -> String {
    ConfigurationSamples.small(
      ConfigurationSamples.river + """
        [[sensor]]
        id = "door-1"
        name = "扉"
        driver = "gpio"
        chip = "/dev/gpiochip0"
        line = 6
        \(position)
        quantity = "\(quantity)"

        [[contact]]
        sensor = "door-1"
        \(rule)

        [[output]]
        id = "siren"
        driver = "gpio"
        chip = "/dev/gpiochip0"
        line = 22
        sound_at = { severity = "severe", all_of = ["river-1"] }

        """)
  }

  @Test func `is an enclosure, the mains or a button, and nothing sounds for it`() throws {
    let tamper = try #require(ConfigurationSamples.check(Self.contact(rule: "use = \"tamper\"")).configuration)
    #expect(
      tamper.contacts == [
        ContactRule(sensor: "door-1", use: .tamper, severity: .moderate, wetAfter: .seconds(1), dryAfter: .minutes(1))
      ])
    #expect(SoundingTable(tamper).text.hasSuffix("Contacts raise alerts that nothing sounds for: door-1 (tamper).\n"))
    let mains = try #require(
      ConfigurationSamples.check(Self.contact(rule: "use = \"mains\"\nafter = \"30s\"\nseverity = \"severe\""))
        .configuration)
    #expect(mains.contacts.first?.wetAfter == .seconds(30) && mains.contacts.first?.severity == .severe)
    let button = try #require(
      ConfigurationSamples.check(Self.contact(rule: "use = \"silence\"\noutput = \"siren\"\nsilence_for = \"10m\""))
        .configuration)
    #expect(button.contacts.first?.silenced == "siren" && button.contacts.first?.silenceFor == .minutes(10))
    #expect(SoundingTable(button).text.hasSuffix("door-1 silences siren for 10m.\n"))
  }

  @Test(arguments: [
    ("contact", "active = \"open\"", "severity = \"severe\"", "measures contact, which is no flood"),
    ("flood_contact", "wet = \"open\"", "use = \"tamper\"", "measures flood_contact, which is no tamper"),
    ("contact", "wet = \"open\"", "use = \"tamper\"", "active"),
    ("contact", "active = \"open\"", "use = \"silence\"\noutput = \"sirene\"", "there is no output \"sirene\""),
    ("contact", "active = \"open\"", "use = \"tamper\"\nwet_after = \"1s\"", "wet_after"),
  ])
  func `is refused where it does not fit`(quantity: String, position: String, rule: String, problem: String) {
    let check = ConfigurationSamples.check(Self.contact(quantity: quantity, position: position, rule: rule))
    #expect(check.configuration == nil)
    #expect(check.problemText.contains(problem), "\(check.problemText)")
  }

  @Test func `hangs on its chip, and a gauge on its port`() throws {
    let site = try #require(ConfigurationSamples.check(Self.contact(rule: "use = \"tamper\"")).configuration)
    #expect(site.stationPlan().sensors.map(\.source) == ["port:bus", "chip:gpiochip0"])
  }

  @Test func `times of alerts that begin again and of what is not proven have their defaults`() throws {
    let site = try #require(ConfigurationSamples.check(Self.contact(rule: "use = \"tamper\"")).configuration)
    #expect(site.floods.first?.realertAfter == .minutes(5) && site.floods.first?.unprovenFor == .hours(168))
  }
}
