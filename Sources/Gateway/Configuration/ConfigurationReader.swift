import Alerts
import Observations
import SensorDrivers

/// Reads the tree of a `gateway.toml` into typed values and notes everything that is wrong with it.
///
/// Tables are read in an order in which what is named has been read before what names it.
final class ConfigurationReader {
  /// More sensors than a board has terminals for, few enough that each has its place in an 8 KB heartbeat.
  static let mostSensors = 64
  static let mostOutputs = 16
  static let mostPorts = 32
  static let mostPlaces = 64
  static let mostAuthorities = 16

  let problems: ProblemList
  let files: FileLocations
  /// What was declared so far, also where a part of it is wrong, so that one mistake is told once.
  var declaredPorts: [String: DeclaredPort] = [:]
  var namesMissingPort = false
  var declaredSensors: [String: DeclaredSensor] = [:]
  var declaredLines: [GPIOLineReference: String] = [:]
  var declaredControllers: [UInt16: String] = [:]
  var declaredFormats: [RawTagRule] = []
  var declaredRadioTags: [TagIdentifier: String] = [:]
  /// The second sensors of stations, and where they are named.
  var declaredSeconds: [SensorID: TextPosition] = [:]
  var silencedOutputs: [(path: String, output: Located<String>)] = []
  var radioContactReceivers: [(sensor: String, receiver: Located<String>)] = []

  init(problems: ProblemList, files: FileLocations) {
    self.problems = problems
    self.files = files
  }

  /// A port that the configuration names.
  struct DeclaredPort {
    let position: TextPosition
    let settings: SerialPortSettings?
    var users: [PortUser] = []
  }

  /// A sensor or an output on a port.
  struct PortUser {
    /// The sensor's name, or the output's.
    let sensor: String
    /// How messages name it: `sensor[river-1]`.
    let path: String
    let driver: DriverName
    let position: TextPosition
    var settings: ModbusSensorSettings?
    var output: ModbusOutputSettings?

    init(sensor: String, driver: DriverName, position: TextPosition, settings: ModbusSensorSettings?) {
      self.sensor = sensor
      path = "sensor[\(sensor)]"
      self.driver = driver
      self.position = position
      self.settings = settings
    }

    init(output: String, position: TextPosition, settings: ModbusOutputSettings?) {
      sensor = output
      path = "output[\(output)]"
      driver = .modbus
      self.position = position
      self.output = settings
    }
  }

  /// A sensor that the configuration names.
  struct DeclaredSensor {
    let position: TextPosition
    let quantity: Quantity?
    let settings: SensorSettings?
    /// The highest severity that a rule can give this sensor's hazards, once the rules are read.
    var reachable: Severity?
    var isNamedByRule = false
  }

  /// The words of `driver`.
  enum DriverName: String, CaseIterable {
    case modbus, a02yyuw, sdi12, maxbotix, line, gpio, hci, nmea, board
    case radioContact = "radio_contact"
  }

  /// Reads the whole tree; nil if anything in it is an error.
  func read(_ root: TOMLTable) -> GatewayConfiguration? {
    let reader = TableReader(root, path: "", problems: problems)
    if let schema = reader.value("schema", required: "write schema = 1 as the first line"),
      schema.content != .integer(1)
    {
      reader.error("schema", "schema = \(schema.text) is unknown", advice: "write schema = 1")
    }
    let gateway = reader.subtable("gateway", required: "add [gateway] with id, name, municipality and position")
      .flatMap(readBoard)
    let mqtt = reader.subtable("mqtt", required: "add [mqtt] with host, root and watch_root").flatMap(readBroker)
    let fiware = reader.subtable("fiware").flatMap(readFIWARE)
    let cap = reader.subtable("cap").flatMap(readCAP)
    let authorities = readAuthorities(reader)
    let ports = readPorts(reader)
    let tagFormats = readTagFormats(reader)
    let sensors = readSensors(reader)
    checkRadioContacts()
    let floods = readFloods(reader)
    let contacts = readContacts(reader)
    let rains = readRains(reader)
    let limits = readLimits(reader)
    let agreements = readAgreements(reader)
    checkStations(floods)
    let outputs = readOutputs(reader)
    if !problems.hasErrors { checkButtons(outputs) }
    let places = readPlaces(reader)
    let history = readHistory(reader.subtable("history"))
    let lanes = readDelivery(reader.subtable("delivery"))
    let watchlist = reader.subtable("watchlist").flatMap { readWatchlist($0, authorities: authorities) }
    if !places.isEmpty, !reader.has("watchlist") {
      reader.warning("place", "there is no [watchlist]", advice: "add it, or nobody is watched over at these places")
    }
    checkPorts()
    checkSensorsAreUsed()
    reader.finish()
    guard !problems.hasErrors, let gateway, let mqtt else { return nil }
    return GatewayConfiguration(
      gateway: gateway, mqtt: mqtt, fiware: fiware, cap: cap, authorities: authorities, ports: ports,
      tagFormats: tagFormats, sensors: watchStillness(sensors, floods), outputs: outputs, floods: floods,
      contacts: contacts, rains: rains,
      limits: limits,
      agreements: agreements, places: places, watchlist: watchlist, history: history, lanes: lanes)
  }

  /// The file that `key` names; warns where there is none, because it may be brought later.
  func file(_ reader: TableReader, _ key: String, required advice: String? = nil) -> FileReference? {
    guard let located = reader.string(key, most: 1000, required: advice) else { return nil }
    return file(reader, key, located)
  }

  func file(_ reader: TableReader, _ key: String, _ located: Located<String>) -> FileReference {
    let reference = files.resolve(located.value)
    if !FileLocations.exists(reference.path) {
      let name = TOMLValue.quoted(located.value)
      let place = located.value.hasPrefix("/") ? "" : " beside this file or among the service's credentials"
      problems.warning(
        reader.name(key), at: located.position, "there is no file \(name)\(place)",
        advice: "put it there before the gateway runs")
    }
    return reference
  }

  /// The names of `declared`, for a list in a message.
  static func list(_ names: some Sequence<String>) -> String {
    let sorted = names.sorted()
    return sorted.isEmpty ? "none" : sorted.joined(separator: ", ")
  }
}
