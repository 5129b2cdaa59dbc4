import Glibc
public import Observations
public import SensorDrivers

/// The folders that a probe looks into by itself.
public enum ProbeFolders {
  /// The paths of the board's GPIO chips.
  public static func chipPaths() -> [String] {
    KernelFiles.names(in: "/dev").filter { $0.hasPrefix("gpiochip") }.map { "/dev/\($0)" }
  }
}

/// Watches one GPIO line: its edges beside the level that they lead to.
public struct GPIOProbeSession {
  private let chip: String
  private let line: GPIOLine
  private let bias: GPIOBias
  private let inputs: any GPIOInputs
  private let signals: SignalSource

  /// Requests the line.
  ///
  /// - Throws: `GatewayError` with 75 when somebody holds it, 69 when it is not there.
  public init(
    chip: String, line: GPIOLine, bias: GPIOBias, access: any GPIOAccess = KernelGPIO()
  ) throws(GatewayError) {
    self.chip = chip
    self.line = line
    self.bias = bias
    signals = SignalSource(try SignalDescriptor())
    do {
      let settings = GPIOInputSettings(line: line, bias: bias, isActiveLow: false, debounce: .zero)
      inputs = try access.inputs(chip: chip, lines: [settings])
    } catch {
      throw Self.explain(error)
    }
  }

  /// What a failure of a chip or a line means for the exit status.
  public static func explain(_ error: SensorDriversError) -> GatewayError {
    switch error.cause {
    case .portBusy: GatewayError(.alreadyRunning, "\(error)")
    case .portMissing: GatewayError(.serviceUnavailable, "\(error)")
    default: GatewayError(.inputOutputFailed, "\(error)")
    }
  }

  /// The tables to paste.
  public var block: String { ConfigurationBlock.text(forLine: line, chip: chip, bias: bias) }

  /// Shows the level, and then each edge, for `span` or until a signal.
  public func run(
    for span: TimeSpan, print: (String) throws(GatewayError) -> Void
  ) throws(GatewayError) {
    var isStopped = false
    signals.handler = { if $0 == .stop { isStopped = true } }
    let start = SystemClock.kernel().monotonic
    var edges: [GPIOEdge] = []
    var lastSequence: UInt32 = 0
    try print("\(chip) line \(line) is \(try levels() ? "high" : "low")")
    while !isStopped {
      let rest = (start + span - SystemClock.kernel().monotonic).nanoseconds
      guard rest > 0 else { break }
      var waiting = [inputs.fileDescriptor, signals.interest?.descriptor ?? -1].map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      _ = unsafe poll(&waiting, 2, Int32(clamping: (rest + 999_999) / 1_000_000))
      signals.ready(at: start)
      edges.removeAll(keepingCapacity: true)
      do {
        try inputs.readEdges(into: &edges)
      } catch {
        throw Self.explain(error)
      }
      for edge in edges {
        let missing = edge.lineSequence &- lastSequence &- 1
        lastSequence = edge.lineSequence
        let gap = missing > 0 && missing < UInt32.max / 2 ? ", \(missing) edges were lost before it" : ""
        let row = SerialProbeSession.row(edge.time - start, [], "\(edge.isRising ? "high" : "low")\(gap)")
        try print("\(row)  (edge \(edge.lineSequence))")
      }
    }
  }

  private func levels() throws(GatewayError) -> Bool {
    do {
      return try inputs.levels().first ?? false
    } catch {
      throw Self.explain(error)
    }
  }
}
