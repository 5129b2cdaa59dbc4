import Alerts
import Foundation
import Gateway
import Observations
import SensorDrivers
import TestData
import Testing

@Suite struct `A configuration` {
  @Test(.needsSharedData) func `of the contract is accepted as it stands`() throws {
    let check = ConfigurationSamples.check(try SharedData.text("../contract/gateway.toml"))
    #expect(check.problems.filter { $0.severity == .error }.isEmpty)
    let configuration = try #require(check.configuration)
    #expect(configuration.sensors.map(\.id.text) == ["river-1", "canal-1", "underpass-1", "rain-1", "gate-north"])
    #expect(configuration.rains.first?.amounts.count == 3)
    #expect(configuration.watchlist?.tagKeys.map(\.keyID) == ["2026-11"])
    let messages = check.problems.map(\.key)
    #expect(
      messages == ["place[school-7-gate].gone_after", "watchlist", "watchlist.tag_keys.2026-11"])
  }

  @Test func `of the example is read value by value`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    let configuration = try #require(check.configuration, "\(check.problemText)")
    #expect(configuration.gateway.id == "hamanomiya-7")
    #expect(configuration.gateway.position == Position(latitude: 34.7392, longitude: 134.8268))
    #expect(configuration.gateway.languages == ["ja", "en"])
    #expect(configuration.mqtt.port == 8883)
    #expect(configuration.mqtt.version == .five)
    #expect(configuration.mqtt.tls?.ca?.path == "/nonexistent/city-ca.pem")
    #expect(configuration.mqtt.passwordFile?.written == "mqtt-password")
    #expect(configuration.cap?.restriction == "disaster staff of the city")
    #expect(configuration.authorities.map(\.keyID) == ["bousai-a", "school-board"])
    #expect(configuration.authorities[1].rights == [.watchlist, .search])
    #expect(configuration.port("bus")?.line == SerialLine(baud: 19200, parity: .even))
    #expect(configuration.port("sonar")?.line == SerialLine(baud: 9600))
    guard case .modbus(let river) = configuration.sensors[0].driver else {
      Issue.record("river-upper is \(configuration.sensors[0].driver)")
      return
    }
    #expect(river.unit == 3)
    #expect(river.table == .holding)
    #expect(river.address == 2)
    #expect(river.type == .float32)
    #expect(river.wordOrder == .cdab)
    #expect(river.offset == -0.15)
    #expect(river.every == .seconds(5))
    #expect(river.timeout == .milliseconds(500))
    #expect(river.retries == 2)
    guard case .gpio(let subway) = configuration.sensors[3].driver else {
      Issue.record("subway is \(configuration.sensors[3].driver)")
      return
    }
    #expect(subway.line.chip == "gpio-header")
    #expect(subway.line.line == .name("FLOOD_IN"))
    #expect(subway.kind == .floodContact(wet: .open, supervision: nil))
    #expect(subway.debounce == .milliseconds(50))
  }

  @Test func `becomes the station's plan`() throws {
    let configuration = try #require(ConfigurationSamples.check(try ConfigurationSamples.example()).configuration)
    let plan = configuration.stationPlan()
    #expect(plan.gateway == "hamanomiya-7")
    #expect(plan.sensors.map(\.quantity) == [.waterLevel, .voltage, .waterLevel, .floodContact, .rain, .beacon])
    #expect(plan.sensors[0].range == Measure(thousandths: -500)...Measure(thousandths: 6000))
    #expect(plan.sensors[0].datum == .init(name: "T.P.", zero: Measure(thousandths: 3200)))
    #expect(
      plan.sensors.map(\.staleAfter) == [.seconds(30), .minutes(5), .seconds(30), nil, nil, .minutes(2)])
    #expect(plan.sensors[4].tip == Measure(thousandths: 200))
    #expect(plan.floods[0].levels.map(\.step) == LadderStep.allCases)
    #expect(plan.floods[0].confirm == .readings(3))
    #expect(plan.floods[1].confirm == .duration(.seconds(20)))
    #expect(plan.floods[1].releaseHold == .minutes(5))
    #expect(plan.floods[0].rise == .init(by: Measure(thousandths: 400), within: .minutes(10), severity: .severe))
    #expect(plan.floods[0].forecast == .minutes(30))
    #expect(plan.floods[0].pair == nil && plan.floods[0].reporting == nil)
    #expect(plan.rains[0].amounts.map(\.suppress) == [.hours(1), .hours(1)])
    #expect(plan.rains[0].dryGap == .hours(6) && plan.rains[0].dayStarts == .zero)
    #expect(plan.contacts[0].levelEquivalent == 4)
    #expect(plan.places[0].leave == -84)
    #expect(plan.outputs[0].soundAt?.allOf == ["river-upper", "subway"])
    #expect(plan.outputs[0].soundAt?.whenOneIsFaulty == .silent)
  }

  @Test func `names two sensors of a station, the river's class and the day of the rain`() throws {
    let example = String(decoding: try ConfigurationSamples.example(), as: UTF8.self)
    let text = example.replacing("sensor = \"sluice\"\nlevels = { danger = 2.2 }\n", with: "")
    #expect(text != example)
    let station = text.replacing(
      "[[flood]]\nsensor = \"river-upper\"",
      with: """
        [[flood]]
        class = "medium"
        report_below = "24h"
        rule = "mean"
        sensors = ["river-upper", "sluice"]
        """
    ).replacing("[[flood]]\nconfirm = \"20s\"\nrelease = { margin = 0.05, hold = \"5m\" }\n", with: "")
      .replacing("[[rain]]", with: "[[rain]]\ndry_gap = \"12h\"\nday_starts = \"09:30\"")
    let check = ConfigurationSamples.check(station)
    let plan = try #require(check.configuration, "\(check.problemText)").stationPlan()
    #expect(plan.floods.count == 1)
    #expect(plan.floods[0].pair == .init(second: "sluice", combination: .mean))
    #expect(
      plan.floods[0].reporting == .init(from: Measure(thousandths: 1200), above: .minutes(5), below: .hours(24)))
    #expect(plan.rains[0].dryGap == .hours(12) && plan.rains[0].dayStarts == .minutes(570))
  }

  @Test func `acts on every key of the example`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    // Its key files are brought later.
    #expect(check.problems.allSatisfy { $0.message.contains("there is no file") }, "\(check.problemText)")
  }

  @Test func `takes groups by their names`() throws {
    let station = ConfigurationSamples.small(gateway: "groups = [\"kakogawa\"]")
    #expect(ConfigurationSamples.check(station).configuration?.gateway.groups == ["kakogawa"])
    let misnamed = ConfigurationSamples.small(gateway: "groups = [\"Kako Gawa\"]")
    let problem = try #require(ConfigurationSamples.check(misnamed).problems.first)
    #expect(problem.key == "gateway.groups")
  }

  @Test func `needs no more than a gateway and a broker`() throws {
    let check = ConfigurationSamples.check(ConfigurationSamples.small())
    #expect(check.problems == [])
    let configuration = try #require(check.configuration)
    #expect(configuration.gateway.timezone == "Asia/Tokyo")
    #expect(configuration.gateway.languages == ["ja"])
    #expect(configuration.gateway.stateFolder == "/var/lib/mimamori")
    #expect(configuration.mqtt.port == 1883)
  }

  @Test func `says how an IoT Agent is spoken to, and what goes together`() throws {
    func read(_ keys: String) -> ConfigurationCheck {
      ConfigurationSamples.check(ConfigurationSamples.small("[fiware]\napi_key_file = \"key\"\n\(keys)"))
    }
    #expect(read("").configuration?.fiware?.format == FIWAREFormat(representation: .keyValues))
    let linked = read("format = \"ngsi-ld\"\nwater_level = \"WaterObserved\"").configuration
    #expect(linked?.fiware?.format == FIWAREFormat(representation: .linkedData, levelModel: .waterObserved))
    let wrong = read("water_level = \"WaterObserved\"")
    #expect(wrong.configuration == nil)
    #expect(wrong.problems.contains { $0.key == "fiware.water_level" && $0.severity == .error })
    #expect(read("format = \"ngsi-v1\"").configuration == nil)
  }

  @Test func `keeps observations for a year and a month unless it says otherwise`() {
    let usual = ConfigurationSamples.check(ConfigurationSamples.small()).configuration?.history
    #expect(usual == HistorySettings(observationDays: 400, observationRows: 1_000_000))
    let none = ConfigurationSamples.check(ConfigurationSamples.small("[history]\nobservation_days = 0"))
    #expect(none.configuration?.history.observationDays == 0)
    #expect(
      ConfigurationSamples.check(ConfigurationSamples.small("[history]\nobservation_rows = 10")).configuration == nil)
  }

  @Test func `bounds what waits for the broker, lane by lane`() {
    func read(_ text: String) -> ConfigurationCheck { ConfigurationSamples.check(ConfigurationSamples.small(text)) }
    #expect(read("").configuration?.lanes == LaneSettings())
    let lanes = read(
      """
      [delivery]
      reserve_mb = 0
      [delivery.alert]
      per_second = 50
      megabytes = 8
      days = 30
      [delivery.state]
      megabytes = 1
      age = "1h"
      [delivery.observation]
      per_second = 5
      megabytes = 2
      age = "48h"
      interval = "5m"
      batch = "30m"
      """
    ).configuration?.lanes
    var expected = LaneSettings()
    (expected.reserveMegabytes, expected.alertsPerSecond, expected.alertMegabytes, expected.alertDays) = (0, 50, 8, 30)
    (expected.stateMegabytes, expected.stateAge) = (1, .hours(1))
    (expected.observationsPerSecond, expected.observationMegabytes) = (5, 2)
    (expected.observationAge, expected.observationInterval) = (.hours(48), .minutes(5))
    expected.observationBatch = .minutes(30)
    #expect(lanes == expected)
    for wrong in [
      "[delivery]\nreserve_mb = -1", "[delivery.alert]\nmegabytes = 0", "[delivery.state]\nage = \"1m\"",
      "[delivery.observation]\ninterval = \"0s\"",
      "[delivery.observation]\nage = \"2h\"\ninterval = \"2h\"", "[delivery.observations]\nage = \"2h\"",
    ] {
      #expect(read(wrong).configuration == nil, "\(wrong)")
    }
  }

  @Test(arguments: ["localhost", "127.0.0.1", "127.9.8.7", "::1"])
  func `may speak in the clear with this machine`(host: String) {
    #expect(ConfigurationSamples.check(ConfigurationSamples.small(mqtt: "host = \"\(host)\"")).problems == [])
  }

  @Test(arguments: ["127.0.0.1.example", "127.0.0", "10.0.0.1", "::2", "localhost.example", "128.0.0.1"])
  func `may not speak in the clear with another unless it says so`(host: String) {
    let refused = ConfigurationSamples.check(ConfigurationSamples.small(mqtt: "host = \"\(host)\""))
    #expect(refused.problems.map(\.severity) == [.error])
    let text = ConfigurationSamples.small(mqtt: "host = \"\(host)\"\ninsecure = true")
    let warned = ConfigurationSamples.check(text)
    #expect(warned.problems.map(\.severity) == [.warning])
    #expect(warned.configuration?.mqtt.isInsecureAllowed == true)
  }

  @Test(arguments: ["282103", "131016", "011002", "271004", "472018", "232122", "401307"])
  func `knows the codes of municipalities`(code: String) {
    let text = ConfigurationSamples.small().replacing("282103\"\nposition", with: "\(code)\"\nposition")
    #expect(ConfigurationSamples.check(text).problems == [])
  }

  @Test(arguments: 0...8)
  func `refuses every other check digit`(step: Int) {
    let digit = (3 + 1 + step) % 10
    let text = ConfigurationSamples.small().replacing("282103\"\nposition", with: "28210\(digit)\"\nposition")
    #expect(ConfigurationSamples.check(text).problems.map(\.key) == ["gateway.municipality"])
  }

  @Test(arguments: [
    ("enter = -75\nleave = -85", 0), ("enter = -75\nleave = -83", 0), ("enter = -75\nleave = -82", 1),
  ])
  func `warns of thresholds that are too close`(thresholds: String, warnings: Int) {
    let text = ConfigurationSamples.small(
      """
      [serial.radio]
      device = "/dev/ttyACM0"
      baud = 1000000
      [[sensor]]
      id = "gate"
      name = "門"
      driver = "hci"
      serial = "radio"
      quantity = "beacon"
      [[place]]
      id = "gate"
      name = "門"
      sensors = ["gate"]
      \(thresholds)
      """)
    let keys = ConfigurationSamples.check(text).problems.map(\.key)
    #expect(keys == ["place"] + (warnings == 1 ? ["place[gate].leave"] : []))
  }

  @Test(arguments: [("9s", "missed advertisements"), ("60s", "covers a tag"), ("89s", "covers a tag"), ("90s", nil)])
  func `warns of a silence that a covered tag has too`(span: String, reason: String?) throws {
    let text = ConfigurationSamples.small(
      """
      [serial.radio]
      device = "/dev/ttyACM0"
      baud = 1000000
      [[sensor]]
      id = "gate"
      name = "門"
      driver = "hci"
      serial = "radio"
      quantity = "beacon"
      [[place]]
      id = "gate"
      name = "門"
      sensors = ["gate"]
      enter = -75
      leave = -85
      gone_after = "\(span)"
      """)
    let problems = ConfigurationSamples.check(text).problems
    #expect(problems.allSatisfy { $0.severity == .warning })
    let problem = problems.first { $0.key == "place[gate].gone_after" }
    #expect((problem != nil) == (reason != nil))
    if let reason { #expect(try #require(problem).message.contains(reason)) }
  }

  @Test func `warns when the bus has no time for its polls`() throws {
    let busy = ConfigurationSamples.river.replacing("scale =", with: "every = \"100ms\"\nscale =")
    #expect(ConfigurationSamples.check(ConfigurationSamples.small(busy)).problems == [])
    let slow = busy.replacing("9600", with: "1200")
    let problem = try #require(ConfigurationSamples.check(ConfigurationSamples.small(slow)).problems.first)
    #expect(problem.severity == .warning)
    #expect(problem.message.hasSuffix("take 222 % of its time"))
  }

  @Test func `finds its files among the credentials before those beside it`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["credentials", "beside"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    let locations = FileLocations(
      credentialsFolder: folder.appending(path: "credentials").path,
      configurationFolder: folder.appending(path: "beside").path)
    let beside = folder.appending(path: "beside/password").path
    #expect(locations.resolve("password").path == beside)
    try Data("secret".utf8).write(to: folder.appending(path: "credentials/password"))
    #expect(locations.resolve("password").path == folder.appending(path: "credentials/password").path)
    #expect(locations.resolve("/etc/password").path == "/etc/password")
    let text = ConfigurationSamples.small(mqtt: "username = \"u\"\npassword_file = \"password\"")
    let check = ConfigurationChecker.check(Array(text.utf8), file: "gateway.toml", locations: locations)
    #expect(check.problems == [])
  }

  @Test(arguments: [
    ("/nonexistent/gateway.toml", GatewayError.ExitStatus.inputMissing), ("/", .inputOutputFailed),
    ("/dev/zero", .badInputData),
  ])
  func `that cannot be read says why`(path: String, status: GatewayError.ExitStatus) {
    let error = #expect(throws: GatewayError.self) { try ConfigurationChecker.check(path: path) }
    #expect(error?.status == status)
    #expect(error?.description.hasPrefix("Failed to read \(path): ") == true)
  }
}
