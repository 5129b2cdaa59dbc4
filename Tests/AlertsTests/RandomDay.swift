import Alerts
import Observations

/// A made-up day at the test site: everything that can happen, at random, the same for the same seed.
struct RandomDay {
  struct Event {
    var input: StationInput
    var second: Double
  }

  static let people = 4
  private(set) var events: [Event] = []
  private var random: SeededGenerator
  private var second = 0.0
  private var river = 1.5
  private var canal = 0.6
  private var wet = false
  private var tips: UInt64 = 0

  init(seed: UInt64, count: Int) {
    random = SeededGenerator(seed: seed)
    while events.count < count {
      pause()
      happen()
    }
  }

  private mutating func pause() {
    switch Int.random(in: 0..<200, using: &random) {
    case 0: second += Double.random(in: 300...10000, using: &random).rounded()
    case 1..<10: second += Double.random(in: 30...120, using: &random).rounded()
    case 10..<60: break
    default: second += Double(Int.random(in: 1...8000, using: &random)) / 1000
    }
  }

  private mutating func add(_ input: StationInput) {
    events.append(Event(input: input, second: second))
  }

  private mutating func happen() {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<30:
      river += Double.random(in: -0.35...0.37, using: &random)
      if Int.random(in: 0..<40, using: &random) == 0 { river = Double.random(in: 0...6, using: &random) }
      river = min(max(river, -0.5), 6.5)
      add(.reading("river-1", .metres(river)))
    case 30..<45:
      canal = min(max(canal + Double.random(in: -0.2...0.21, using: &random), 0), 2.5)
      add(.reading("canal-1", .metres(canal)))
    case 45..<47: add(.reading("river-1", .metres(77)))
    case 47..<52: add(.fault("river-1", [.timeout, .garbledReply, .noTarget].randomElement(using: &random)!))
    case 52..<53: add(.fault("underpass-1", .portLost))
    case 53..<57:
      wet = Int.random(in: 0..<3, using: &random) > 0
      add(.contact("underpass-1", active: wet))
    case 57..<60:
      tips = Int.random(in: 0..<20, using: &random) == 0 ? 0 : tips + 1
      add(.tips("rain-1", count: tips))
    case 60..<61: add(.fault("gate-north", .deaf))
    case 61..<62: add(.fault("gate-south", .portLost))
    case 62..<65: add(.alive(Bool.random(using: &random) ? "gate-north" : "gate-south"))
    case 65..<67: add(.timePasses)
    default: sightings()
    }
  }

  private mutating func sightings() {
    let person = TestSite.subject(Int.random(in: 0..<Self.people, using: &random))
    let base = Int.random(in: -92 ... -60, using: &random)
    for _ in 0..<Int.random(in: 1...12, using: &random) {
      let signal = Int8(min(max(base + Int.random(in: -6...6, using: &random), -100), -40))
      let gate: SensorID = Int.random(in: 0..<4, using: &random) == 0 ? "gate-south" : "gate-north"
      add(.sighting(gate, person, signal: signal, battery: nil, button: nil))
      second += Double(Int.random(in: 200...1900, using: &random)) / 1000
    }
  }

  static let watch = TestSite.watch(people)

  /// The whole day without a stop.
  func run() -> StationRun {
    var run = StationRun(TestSite.plan, watch: Self.watch)
    for event in events { run.tell(event.input, at: event.second) }
    return run
  }
}
