import ArgumentParser
import Gateway
import Glibc
import Observations
import SensorDrivers

/// `probe`: finds ports, chips and receivers, and shows live values and raw frames.
struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Finds ports, chips and receivers; shows live values and raw frames.",
    discussion: """
      Without a configuration. It reads and never writes a register.

        mimamori-gateway probe                        what there is on this board
        mimamori-gateway probe serial                 the serial ports
        mimamori-gateway probe serial /dev/ttyUSB0    what is on it, to paste
        mimamori-gateway probe serial /dev/ttyUSB0 --addresses 1-10 --for 30s
        mimamori-gateway probe gpio /dev/gpiochip0 17 --for 30s
        mimamori-gateway probe ble /dev/ttyACM0 --for 1m
      """,
    subcommands: [Overview.self, ProbeSerialCommand.self, ProbeGPIOCommand.self, ProbeTagsCommand.self],
    defaultSubcommand: Overview.self)

  /// All surveys, one after the other.
  struct Overview: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "all", abstract: "Shows the serial ports, GPIO chips and Bluetooth controllers of this board.")

    func run() throws {
      StandardErrorLog.install()
      try StandardStreams.reportingErrors {
        try StandardStreams.output(ProbeReport.text(SerialPortSurvey().ports()))
        try StandardStreams.output(ProbeReport.text(ProbeGPIOCommand.chips(), all: false))
        try StandardStreams.output(ProbeReport.text(BluetoothSurvey().controllers()), terminator: "")
      }
    }
  }
}

/// A length of time as people write it: `500ms`, `30s`, `5m`, `1h`.
struct DurationArgument: ExpressibleByArgument {
  let span: TimeSpan

  init(span: TimeSpan) {
    self.span = span
  }

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int64(digits), (1...100_000).contains(count) else { return nil }
    switch argument.dropFirst(digits.count) {
    case "ms": span = .milliseconds(count)
    case "s": span = .seconds(count)
    case "m": span = .minutes(count)
    case "h": span = .hours(count)
    default: return nil
    }
  }

  var defaultValueDescription: String { "\(span.milliseconds / 1000)s" }
}

/// The settings of a line, where they are known.
struct LineArguments: ParsableArguments {
  @Option(help: ArgumentHelp("The line's speed, if it is known.", valueName: "baud"))
  var baud: Int?

  @Option(help: ArgumentHelp("The line's frame, such as 8N1.", valueName: "frame"))
  var frame: String = "8N1"

  func validate() throws {
    if let baud, !(300...4_000_000).contains(baud) { throw ValidationError("--baud takes 300 to 4000000.") }
    _ = try line(orElse: SerialLine(baud: 9600))
  }

  /// The line that is asked for, or `other` if none is.
  func line(orElse other: SerialLine?) throws -> SerialLine? {
    let characters = Array(frame)
    guard characters.count == 3, let dataBits = characters[0].wholeNumberValue, (7...8).contains(dataBits),
      let parity = SerialLine.Parity(rawValue: String(characters[1]).uppercased()),
      let stopBits = characters[2].wholeNumberValue, (1...2).contains(stopBits)
    else {
      throw ValidationError("--frame takes data bits 7 or 8, parity N, E or O and stop bits 1 or 2, such as 8N1.")
    }
    return baud.map { SerialLine(baud: $0, dataBits: dataBits, parity: parity, stopBits: stopBits) } ?? other
  }
}

/// `probe serial`.
struct ProbeSerialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serial",
    abstract: "Shows the serial ports, or finds out what is on one of them.",
    discussion: """
      It listens first for a sensor that talks by itself, then asks for a Bluetooth controller, and then asks Modbus \
      addresses: the usual ones, 1 to 16, on all common settings, and then the rest. The settings of a found device and the block to \
      paste into gateway.toml are the result; with --for the frames follow beside what they mean. A port that the \
      gateway has open ends it with 75.
      """)

  @Argument(help: ArgumentHelp("The port to look at.", valueName: "device"))
  var device: String?

  @Option(help: ArgumentHelp("Modbus addresses to ask, such as 5 or 1-20.", valueName: "from-to"))
  var addresses: String = "1-247"

  @OptionGroup var line: LineArguments

  @Option(name: .customLong("for"), help: ArgumentHelp("Then show frames for so long, such as 30s.", valueName: "time"))
  var duration: DurationArgument?

  func validate() throws {
    _ = try range()
  }

  private func range() throws -> ClosedRange<Int> {
    let parts = addresses.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last,
      (1...247).contains(first), (1...247).contains(last)
    else { throw ValidationError("--addresses takes one address of 1 to 247, or two with a hyphen, such as 1-20.") }
    return first...last
  }

  func run() throws {
    StandardErrorLog.install()
    guard let device else {
      try StandardStreams.reportingErrors {
        try StandardStreams.output(ProbeReport.text(SerialPortSurvey().ports()), terminator: "")
      }
      return
    }
    let settings = SerialProbe.Settings(addresses: try range(), line: try line.line(orElse: nil))
    try StandardStreams.reportingErrors {
      let wire = try ProbeWire(path: device)
      let session = SerialProbeSession(
        wire, report: { StandardStreams.report($0) },
        print: { (text) throws(GatewayError) in try StandardStreams.output(text) })
      let probe = try session.search(settings)
      let isFound = probe.talker != nil || !probe.devices.isEmpty
      let path = isFound ? SerialPortSurvey().port(at: device).bestPath : device
      if isFound || !wire.isStopped {
        try StandardStreams.output(ProbeReport.text(probe, device: path), terminator: "")
      }
      if let duration {
        if let talker = probe.talker {
          try session.watch(talker.talker, for: duration.span)
        } else if !probe.devices.isEmpty {
          try session.poll(probe.devices, for: duration.span)
        }
      }
      guard isFound || wire.isStopped else { throw GatewayError(.checkFailed, "Nothing was found on \(device)") }
    }
  }
}

/// `probe gpio`.
struct ProbeGPIOCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpio",
    abstract: "Shows the GPIO chips and their lines, or watches one line.",
    discussion: """
      A free line is only looked at. A line that is watched is requested as an input with the bias that --bias names, \
      and given back at the end.
      """)

  @Argument(help: ArgumentHelp("The chip, such as /dev/gpiochip0.", valueName: "chip"))
  var chip: String?

  @Argument(help: ArgumentHelp("The line to watch: its number or its name.", valueName: "line"))
  var line: String?

  @Option(help: ArgumentHelp("What holds the line: as-is, disabled, pull-up or pull-down.", valueName: "bias"))
  var bias: String = GPIOBias.pullUp.rawValue

  @Option(name: .customLong("for"), help: ArgumentHelp("Watch the line for so long.", valueName: "time"))
  var duration = DurationArgument(span: .seconds(30))

  @Flag(help: "Show each line, also those without a name.")
  var all = false

  func validate() throws {
    guard GPIOBias(rawValue: bias) != nil else {
      throw ValidationError("--bias takes as-is, disabled, pull-up or pull-down.")
    }
  }

  /// The chips of this board that can be read.
  static func chips() -> [GPIOChipDescription] {
    ProbeFolders.chipPaths().compactMap { path in try? GPIOSurvey.chip(at: path) }
  }

  func run() throws {
    StandardErrorLog.install()
    try StandardStreams.reportingErrors {
      guard let chip else {
        try StandardStreams.output(ProbeReport.text(Self.chips(), all: all), terminator: "")
        return
      }
      guard let line else {
        let described = try Self.explaining { () throws(SensorDriversError) in try GPIOSurvey.chip(at: chip) }
        try StandardStreams.output(ProbeReport.text([described], all: all), terminator: "")
        return
      }
      let reference = UInt32(line).map { GPIOLine.number($0) } ?? .name(line)
      let watch = try GPIOProbeSession(chip: chip, line: reference, bias: GPIOBias(rawValue: bias) ?? .pullUp)
      try watch.run(for: duration.span) { (text) throws(GatewayError) in try StandardStreams.output(text) }
      try StandardStreams.output("\n" + watch.block, terminator: "")
    }
  }

  private static func explaining<Result>(_ work: () throws(SensorDriversError) -> Result) throws(GatewayError) -> Result
  {
    do {
      return try work()
    } catch {
      throw GPIOProbeSession.explain(error)
    }
  }
}

/// `probe ble`.
struct ProbeTagsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ble",
    abstract: "Listens to a Bluetooth controller on a serial port: how strongly is which tag heard?",
    discussion: """
      Tags are told apart by a keyed hash: with --config by the group's tag key, as its watch list has them, otherwise \
      by a key of this run alone, so that nobody can be recognised later.
      """)

  @Argument(
    help: ArgumentHelp("The controller's port; without it, the first receiver of --config.", valueName: "device"))
  var device: String?

  @OptionGroup var line: LineArguments

  @Option(help: ArgumentHelp("The gateway's configuration, for its tag key and its receiver.", valueName: "file"))
  var config: String?

  @Option(name: .customLong("for"), help: ArgumentHelp("Listen for so long.", valueName: "time"))
  var duration = DurationArgument(span: .seconds(30))

  @Flag(help: "Show each tag's identifier in the clear.")
  var clearIds = false

  func run() throws {
    StandardErrorLog.install()
    let asked = try line.line(orElse: nil)
    try StandardStreams.reportingErrors {
      let setup = try TagProbeSetup(configuration: config, device: device, line: asked)
      guard let path = setup.device else {
        try StandardStreams.output(ProbeReport.text(BluetoothSurvey().controllers()), terminator: "")
        return
      }
      if clearIds { StandardStreams.report("Identifiers are shown in the clear: keep them to yourself.") }
      let wire = try ProbeWire(path: path)
      var session = TagProbeSession(wire, line: setup.line)
      let survey = try session.listen(for: duration.span, key: clearIds ? nil : setup.key) { survey, counters in
        StandardStreams.report(
          "\(counters.frames) frames, \(survey.tags.count) tags"
            + (survey.faults.last.map { ", the receiver is \($0)" } ?? ""))
      }
      try StandardStreams.output(survey.text)
      try StandardStreams.output(session.receiverText(survey, path))
      guard survey.alive > 0 else {
        throw GatewayError(
          .checkFailed, "The receiver on \(path) does not say that it listens: find its speed with `probe serial`")
      }
    }
  }
}
