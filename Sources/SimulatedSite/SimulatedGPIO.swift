import Glibc
import Locks
public import Observations
public import SensorDrivers

/// A simulated board's GPIO chips, behind the same interface as the kernel's.
///
/// Edges arrive as the kernel's own records on a descriptor that an event loop polls. As in the kernel, a full buffer
/// drops edges and their sequence numbers show the gap, a line is held by one owner at a time, and a chip that goes away
/// sends nothing. Levels may be set from any thread. It does not debounce: the drivers do.
public final class SimulatedGPIO: GPIOAccess {
  /// A chip to simulate.
  public struct Chip: Sendable {
    /// The device's path, such as `/dev/gpiochip0`.
    public let path: String
    public let label: String
    /// The names of its lines, "" for one without a name: their number is the chip's size.
    public let lineNames: [String]

    public init(path: String, label: String = "simulated", lineNames: [String]) {
      self.path = path
      self.label = label
      self.lineNames = lineNames
    }

    /// A chip of nameless lines.
    public init(path: String, label: String = "simulated", lines: Int) {
      self.init(path: path, label: label, lineNames: [String](repeating: "", count: lines))
    }
  }

  fileprivate struct Line {
    /// What drives the line; nil leaves it to its bias.
    var driven: Bool?
    var bias = GPIOBias.asIs
    var isActiveLow = false
    var isOutput = false
    var output = false
    var holder: String?
    var writer: Int32?
    var sequence: UInt32 = 0

    /// Whether the voltage is high.
    var isHigh: Bool { isOutput ? output : driven ?? (bias == .pullUp) }
    var isActive: Bool { isHigh != isActiveLow }
  }

  fileprivate struct State {
    var lines: [Line]
    var isPresent = true
    var sequence: UInt32 = 0
  }

  private let chips: [Chip]
  private let states: Locked<[State]>

  public init(chips: [Chip]) {
    self.chips = chips
    states = Locked(chips.map { State(lines: [Line](repeating: Line(), count: $0.lineNames.count)) })
  }

  /// Drives a line from outside, high or low, or with nil leaves it to its bias. Unknown lines are passed over.
  ///
  /// `time` is the edge's; without it, now.
  public func drive(chip: String, line: UInt32, high level: Bool?, at time: MonotonicTime? = nil) {
    guard let index = index(of: chip) else { return }
    let moment = time ?? Self.now()
    states.withLock { states in
      guard line < states[index].lines.count else { return }
      let before = states[index].lines[Int(line)].isActive
      states[index].lines[Int(line)].driven = level
      let after = states[index].lines[Int(line)].isActive
      guard before != after, states[index].isPresent else { return }
      states[index].send(line: line, isRising: after, at: moment)
    }
  }

  /// Whether a line's voltage is high: what an output does, what drives an input, or its bias.
  public func isHigh(chip: String, line: UInt32) -> Bool {
    guard let index = index(of: chip) else { return false }
    return states.withLock { line < $0[index].lines.count && $0[index].lines[Int(line)].isHigh }
  }

  /// Marks a line as held by another program, or with nil as free.
  public func hold(chip: String, line: UInt32, by holder: String?) {
    guard let index = index(of: chip) else { return }
    states.withLock { states in
      guard line < states[index].lines.count else { return }
      states[index].lines[Int(line)].holder = holder
    }
  }

  /// Takes the chip away, or brings it back. Whoever holds its lines is not told.
  public func setPresent(_ isPresent: Bool, chip: String) {
    guard let index = index(of: chip) else { return }
    states.withLock { $0[index].isPresent = isPresent }
  }

  private func index(of name: String) -> Int? {
    chips.firstIndex { $0.path == name || $0.label == name || $0.path == "/dev/" + name }
  }

  static func now() -> MonotonicTime {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  // MARK: GPIOAccess

  public func inputs(chip: String, lines: [GPIOInputSettings]) throws(SensorDriversError) -> any GPIOInputs {
    let index = try present(chip)
    let offsets = try lines.map { (line) throws(SensorDriversError) in try offset(of: line.line, in: index) }
    var ends: [Int32] = [-1, -1]
    let result = unsafe pipe(&ends)
    let code = errno
    guard result == 0 else {
      throw SensorDriversError(
        action: "open a pipe for \(chip)", errorNumber: code, advice: "Raise the limit of open files.",
        cause: .portError)
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    let writer = ends[1]
    do throws(SensorDriversError) {
      try claim(offsets, of: index) { line, position in
        line.bias = lines[position].bias
        line.isActiveLow = lines[position].isActiveLow
        line.isOutput = false
        line.sequence = 0
        line.writer = writer
      }
    } catch {
      close(ends[0])
      close(writer)
      throw error
    }
    return SimulatedInputs(board: self, chip: index, offsets: offsets, reader: ends[0], writer: writer)
  }

  public func output(
    chip: String, line: GPIOLine, isActiveHigh: Bool, initial: Bool
  ) throws(SensorDriversError) -> any GPIOOutput {
    let index = try present(chip)
    let offset = try offset(of: line, in: index)
    try claim([offset], of: index) { line, _ in
      line.isActiveLow = !isActiveHigh
      line.isOutput = true
      line.output = initial == isActiveHigh
    }
    return SimulatedOutput(board: self, chip: index, offset: offset, safe: initial)
  }

  private func present(_ name: String) throws(SensorDriversError) -> Int {
    guard let index = index(of: name), states.withLock({ $0[index].isPresent }) else {
      throw SensorDriversError(
        action: "open the GPIO chip \(name)", reason: "the simulated board has no such chip",
        advice: "Write \(chips.map(\.path).joined(separator: " or ")).", cause: .portMissing)
    }
    return index
  }

  private func offset(of line: GPIOLine, in chip: Int) throws(SensorDriversError) -> UInt32 {
    let names = chips[chip].lineNames
    switch line {
    case .number(let number) where number < names.count: return number
    case .name(let name):
      if !name.isEmpty, let found = names.firstIndex(of: name) { return UInt32(found) }
    case .number: break
    }
    throw SensorDriversError(
      action: "find the GPIO line \(line) on \(chips[chip].path)",
      reason: "the simulated chip has \(names.count) lines, from 0", advice: "Write a number or a name that it has.",
      cause: .portError)
  }

  private func claim(
    _ offsets: [UInt32], of chip: Int, _ configure: (inout Line, Int) -> Void
  ) throws(SensorDriversError) {
    let taken: (line: UInt32, holder: String)? = states.withLock { states in
      for offset in offsets {
        if let holder = states[chip].lines[Int(offset)].holder { return (offset, holder) }
      }
      for (position, offset) in offsets.enumerated() {
        states[chip].lines[Int(offset)].holder = KernelGPIO.consumer
        configure(&states[chip].lines[Int(offset)], position)
      }
      return nil
    }
    guard let taken else { return }
    throw SensorDriversError(
      action: "request GPIO line \(taken.line) on \(chips[chip].path)",
      reason: "Device or resource busy, \"\(taken.holder)\" holds line \(taken.line)",
      advice: "Stop the program that holds it, or wire the sensor to another line.", cause: .portBusy)
  }

  // MARK: For the lines that are held

  fileprivate func release(_ offsets: [UInt32], of chip: Int) {
    states.withLock { states in
      for offset in offsets {
        states[chip].lines[Int(offset)].holder = nil
        states[chip].lines[Int(offset)].writer = nil
      }
    }
  }

  fileprivate func levels(_ offsets: [UInt32], of chip: Int) throws(SensorDriversError) -> [Bool] {
    let levels: [Bool]? = states.withLock { states in
      states[chip].isPresent ? offsets.map { states[chip].lines[Int($0)].isActive } : nil
    }
    guard let levels else { throw lost(offsets, of: chip) }
    return levels
  }

  fileprivate func set(_ isActive: Bool, line: UInt32, of chip: Int) throws(SensorDriversError) {
    let isPresent = states.withLock { states in
      guard states[chip].isPresent else { return false }
      states[chip].lines[Int(line)].output = isActive != states[chip].lines[Int(line)].isActiveLow
      return true
    }
    guard isPresent else { throw lost([line], of: chip) }
  }

  fileprivate func lost(_ offsets: [UInt32], of chip: Int) -> SensorDriversError {
    SensorDriversError(
      action: "use GPIO line \(offsets.map(String.init).joined(separator: ", ")) on \(chips[chip].path)",
      reason: "No such device", advice: "Connect the chip again.", cause: .portLost)
  }
}

extension SimulatedGPIO.State {
  /// Writes one record; a full pipe loses it, and the next record's sequence number shows that.
  fileprivate mutating func send(line: UInt32, isRising: Bool, at time: MonotonicTime) {
    guard let writer = lines[Int(line)].writer else { return }
    sequence &+= 1
    lines[Int(line)].sequence &+= 1
    let edge = GPIOEdge(offset: line, isRising: isRising, time: time, lineSequence: lines[Int(line)].sequence)
    let bytes = GPIOEdgeRecord.bytes(of: edge, sequence: sequence)
    _ = unsafe write(writer, bytes, bytes.count)
  }
}

private final class SimulatedInputs: GPIOInputs {
  let fileDescriptor: Int32
  let offsets: [UInt32]
  let isDebounced = false
  private let writer: Int32
  private let board: SimulatedGPIO
  private let chip: Int

  init(board: SimulatedGPIO, chip: Int, offsets: [UInt32], reader: Int32, writer: Int32) {
    self.board = board
    self.chip = chip
    self.offsets = offsets
    fileDescriptor = reader
    self.writer = writer
  }

  deinit {
    board.release(offsets, of: chip)
    close(fileDescriptor)
    close(writer)
  }

  func levels() throws(SensorDriversError) -> [Bool] {
    try board.levels(offsets, of: chip)
  }

  func readEdges(into edges: inout [GPIOEdge]) throws(SensorDriversError) {
    guard GPIOEdgeRecord.read(from: fileDescriptor, into: &edges) == 0 else { throw board.lost(offsets, of: chip) }
  }
}

private final class SimulatedOutput: GPIOOutput {
  private let board: SimulatedGPIO
  private let chip: Int
  private let offset: UInt32
  private let safe: Bool

  init(board: SimulatedGPIO, chip: Int, offset: UInt32, safe: Bool) {
    self.board = board
    self.chip = chip
    self.offset = offset
    self.safe = safe
  }

  deinit {
    // A chip that went away has no level to set.
    try? board.set(safe, line: offset, of: chip)
    board.release([offset], of: chip)
  }

  func set(_ isActive: Bool) throws(SensorDriversError) {
    try board.set(isActive, line: offset, of: chip)
  }

  func isActive() throws(SensorDriversError) -> Bool {
    try board.levels([offset], of: chip)[0]
  }
}
