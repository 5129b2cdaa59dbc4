import Alerts
import Foundation
import Gateway
import Observations
import SensorDrivers
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
      messages == [
        "flood[river-1].rise", "flood[river-1].forecast", "rain[rain-1].amounts", "watchlist",
        "watchlist.tag_keys.2026-11",
      ])
  }

  @Test func `of the example is read value by value`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    let configuration = try #require(check.configuration, "\(check.problemText)")
    #expect(configuration.gateway.id == "hamanomiya-7")
    #expect(configuration.gateway.position == Position(latitude: 34.7392, longitude: 134.8268))
    #expect(configuration.gateway.languages == ["ja", "en"])
    #expect(configuration.mqtt.port == 8883)
    #expect(configuration.mqtt.version == .five)
    #expect(configuration.mqtt.tls?.ca.path == "/nonexistent/city-ca.pem")
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
    #expect(subway.kind == .floodContact(wet: .open))
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
    #expect(plan.contacts[0].levelEquivalent == 4)
    #expect(plan.places[0].leave == -84)
    #expect(plan.outputs[0].soundAt?.allOf == ["river-upper", "subway"])
    #expect(plan.outputs[0].soundAt?.whenOneIsFaulty == .silent)
  }

  @Test func `says for each idle key that it is idle`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    let idle = check.problems.filter { $0.message.contains("not acted on in this version") }
    #expect(
      idle.map(\.key) == [
        "fiware", "authority[bousai-a].may", "authority[school-board].may", "flood[river-upper].rise",
        "flood[river-upper].forecast", "rain[rain].amounts",
      ])
    #expect(idle.allSatisfy { $0.severity == .warning })
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
