import Glibc
import Observations
import SensorDrivers
import SimulatedSite
import Testing

@Suite struct `GPIO lines of a simulated board` {
  private static let chip = "/dev/gpiochip0"

  private static func board() -> SimulatedGPIO {
    SimulatedGPIO(chips: [
      SimulatedGPIO.Chip(
        path: chip, label: "pinctrl", lineNames: ["", "", "DOOR", ""] + [String](repeating: "", count: 28))
    ])
  }

  private static func input(_ line: GPIOLine, isActiveLow: Bool = true) -> GPIOInputSettings {
    GPIOInputSettings(line: line, bias: .pullUp, isActiveLow: isActiveLow, debounce: .zero)
  }

  private static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds)
  }

  private static func isReadable(_ descriptor: Int32) -> Bool {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&waiting, 1, 0) == 1
  }

  @Test func `give their level at the start and edges with times and numbers`() throws {
    let board = Self.board()
    let inputs = try board.inputs(chip: "pinctrl", lines: [Self.input(.name("DOOR")), Self.input(.number(17))])
    #expect(inputs.offsets == [2, 17])
    #expect(try inputs.levels() == [false, false])
    #expect(!Self.isReadable(inputs.fileDescriptor))
    board.drive(chip: Self.chip, line: 17, high: false, at: Self.time(5))
    board.drive(chip: Self.chip, line: 17, high: false, at: Self.time(6))
    board.drive(chip: Self.chip, line: 2, high: false, at: Self.time(7))
    board.drive(chip: Self.chip, line: 17, high: nil, at: Self.time(8))
    #expect(Self.isReadable(inputs.fileDescriptor))
    #expect(try inputs.levels() == [true, false])
    var edges: [GPIOEdge] = []
    try inputs.readEdges(into: &edges)
    #expect(
      edges == [
        GPIOEdge(offset: 17, isRising: true, time: Self.time(5), lineSequence: 1),
        GPIOEdge(offset: 2, isRising: true, time: Self.time(7), lineSequence: 1),
        GPIOEdge(offset: 17, isRising: false, time: Self.time(8), lineSequence: 2),
      ])
    #expect(!Self.isReadable(inputs.fileDescriptor))
  }

  @Test func `show by their numbers what a full buffer dropped`() throws {
    let board = Self.board()
    let inputs = try board.inputs(chip: Self.chip, lines: [Self.input(.number(4))])
    for count in 0..<5000 {
      board.drive(chip: Self.chip, line: 4, high: count % 2 == 1, at: Self.time(Int64(count)))
    }
    var edges: [GPIOEdge] = []
    var before = -1
    while edges.count != before {
      before = edges.count
      try inputs.readEdges(into: &edges)
      #expect(edges.count - before <= 256)
    }
    #expect(edges.count >= 1024)
    #expect(edges.count < 5000)
    #expect(edges.map(\.lineSequence) == (1...UInt32(edges.count)).map { $0 })
    board.drive(chip: Self.chip, line: 4, high: false, at: Self.time(6000))
    try inputs.readEdges(into: &edges)
    #expect(edges.last?.lineSequence == 5001)
  }

  @Test func `have one holder at a time, and are free when it lets go`() throws {
    let board = Self.board()
    var inputs: (any GPIOInputs)? = try board.inputs(chip: Self.chip, lines: [Self.input(.number(4))])
    #expect(inputs?.offsets == [4])
    let error = #expect(throws: SensorDriversError.self) {
      try board.output(chip: Self.chip, line: .number(4), isActiveHigh: true, initial: false)
    }
    #expect(error?.cause == .portBusy)
    #expect(
      error?.description
        == "Failed to request GPIO line 4 on /dev/gpiochip0: Device or resource busy, \"mimamori-gateway\" holds line 4. "
        + "Stop the program that holds it, or wire the sensor to another line.")
    inputs = nil
    _ = try board.output(chip: Self.chip, line: .number(4), isActiveHigh: true, initial: false)
  }

  @Test(arguments: [
    ("/dev/gpiochip7", GPIOLine.number(4), FaultCause.portMissing), (chip, .number(32), .portError),
    (chip, .name("GATE"), .portError), (chip, .name(""), .portError),
  ])
  func `that are not there are refused`(chip: String, line: GPIOLine, cause: FaultCause) {
    let board = Self.board()
    let error = #expect(throws: SensorDriversError.self) { try board.inputs(chip: chip, lines: [Self.input(line)]) }
    #expect(error?.cause == cause)
  }

  @Test(arguments: [true, false]) func `stand at their safe level before, and after they are let go`(isActiveHigh: Bool)
    throws
  {
    let board = Self.board()
    var output: (any GPIOOutput)? = try board.output(
      chip: Self.chip, line: .number(22), isActiveHigh: isActiveHigh, initial: false)
    #expect(board.isHigh(chip: Self.chip, line: 22) == !isActiveHigh)
    try output?.set(true)
    #expect(board.isHigh(chip: Self.chip, line: 22) == isActiveHigh)
    #expect(try output?.isActive() == true)
    output = nil
    #expect(board.isHigh(chip: Self.chip, line: 22) == !isActiveHigh)
  }
}
