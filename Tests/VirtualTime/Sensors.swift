import FaultyDisk
import Gateway
import Observations

/// What is due of a sensor.
enum SensorEvent {
  case level
  case underpass(isWet: Bool)
  case tips(left: Int)
  case alive
  case visit(person: Int, left: Int)
  case flood(left: Int)
}

/// What the sensors have to say: mostly nothing new.
struct Sensors {
  /// Nothing is out of the ordinary any more: the life ends.
  var isCalm = false
  var isSilent = false
  var isWrong = false
  /// When the gateway began to run, and when the river was last silent or wrong, in the life's time.
  var startedAt: Int64 = 0
  var troubledAt: Int64 = 0
  /// In millimetres.
  var level: Int64 = 1_200
  var target: Int64 = 1_200
  /// Minutes for which the top of a wave lasts on.
  var top = 0
  var waveAt: Int64 = 0
  /// Readings at the step of danger or above, one after the other.
  var dangerous = 0
  var tips: UInt64 = 0
  /// Calls of the disk before an input.
  var diskCalls = 0
}

extension Life {
  func beginSensors() {
    schedule.add(.sensor(.level), at: .second)
    schedule.add(.sensor(.alive), at: 2 * .second)
    sensors.waveAt = chance.between(.hour, 12 * .hour)
    schedule.add(.sensor(.underpass(isWet: true)), at: chance.between(.hour, 24 * .hour))
    schedule.add(.sensor(.tips(left: 8)), at: chance.between(.hour, 24 * .hour))
    schedule.add(.sensor(.visit(person: 0, left: 5)), at: chance.between(.hour, 12 * .hour))
  }

  func take(_ event: SensorEvent) {
    switch event {
    case .level: readLevel()
    case .underpass(let isWet):
      observe([.contact(Site.underpass, active: isWet)])
      guard !sensors.isCalm else { return }
      let wait = isWet ? chance.between(10 * .second, 30 * .minute) : chance.between(3 * .hour, 24 * .hour)
      schedule.add(.sensor(.underpass(isWet: !isWet)), at: clock.now + wait)
    case .tips(let left):
      sensors.tips += 1
      observe([.tips(Site.rain, count: sensors.tips)])
      guard !sensors.isCalm else { return }
      let next = left > 0 ? 30 * Int64.second : chance.between(6 * .hour, 30 * .hour)
      schedule.add(.sensor(.tips(left: left > 0 ? left - 1 : 6 + chance.below(6))), at: clock.now + next)
    case .alive:
      observe([.alive(Site.gate)])
      schedule.add(.sensor(.alive), at: clock.now + 20 * .minute)
    case .visit(let person, let left): visit(person, left)
    case .flood(let left): flood(left)
    }
  }

  private func visit(_ person: Int, _ left: Int) {
    if let tag = Site.tag(person) {
      observe([.sighting(Site.gate, TagSighting(tag: tag, signal: -60, battery: left == 0 ? 15 : nil))])
    }
    guard !sensors.isCalm else { return }
    if left > 0 {
      schedule.add(.sensor(.visit(person: person, left: left - 1)), at: clock.now + 4 * .second)
    } else {
      let next = SensorEvent.visit(person: chance.below(Site.persons), left: 4 + chance.below(3))
      schedule.add(.sensor(next), at: clock.now + chance.between(.hour, 12 * .hour))
    }
  }

  /// A crowd with tags: strangers, and some that are on the list.
  private func flood(_ left: Int) {
    var crowd: [Observation] = []
    for _ in 0..<40 {
      let number = chance.isOne(in: 10) ? chance.below(Site.persons) : 100 + chance.below(100_000)
      guard let tag = Site.tag(number) else { continue }
      crowd.append(.sighting(Site.gate, TagSighting(tag: tag, signal: -55 - Int8(chance.below(35)))))
    }
    observe(crowd)
    if left > 0, !sensors.isCalm { schedule.add(.sensor(.flood(left: left - 1)), at: clock.now + 2 * .second) }
  }

  /// The river: calm for hours, then a wave of which some raise alerts and some sound the siren.
  private func readLevel() {
    if sensors.isCalm || clock.now < sensors.waveAt {
      sensors.target = 1_200
    } else if sensors.target == 1_200, sensors.top == 0 {
      sensors.target = chance.pick([2_300, 3_200, 3_700, 4_400, 4_400, 5_500])
      sensors.top = 3 + chance.below(10)
    } else if sensors.level >= sensors.target {
      sensors.top -= 1
      if sensors.top <= 0 {
        sensors.top = 0
        sensors.waveAt = clock.now + chance.between(2 * .hour, 24 * .hour)
      }
    }
    let step = (sensors.target - sensors.level).signum() * min(abs(sensors.target - sensors.level), 500)
    sensors.level += step
    let isRaised = sensors.level > 1_500 || sensors.target > 1_500
    schedule.add(.sensor(.level), at: clock.now + (isRaised ? .minute : 10 * .minute))
    if sensors.isSilent || sensors.isWrong {
      sensors.troubledAt = clock.now
      sensors.dangerous = 0
    }
    guard !sensors.isSilent else { return }
    if sensors.isWrong {
      return observe([chance.isOne(in: 3) ? .fault(Site.river, .timeout) : reading(50_000)])
    }
    let value = sensors.level + Int64(chance.below(20))
    sensors.dangerous = value >= Site.danger ? sensors.dangerous + 1 : 0
    observe([reading(value)])
    checkSiren()
  }

  private func reading(_ millimetres: Int64) -> Observation {
    .reading(Site.river, Measure(thousandths: millimetres))
  }

  /// The second dangerous reading has just been taken: the siren sounds now, or pauses by its own rule.
  private func checkSiren() {
    guard let process, sensors.dangerous == 2, !process.isStopping else { return }
    let isSound = clock.now - max(sensors.startedAt, sensors.troubledAt) > 3 * .hour
    let rule = Site.sirenOn + Site.sirenPause
    guard isSound, !process.line.hasSounded(within: rule.nanoseconds) else { return }
    breaks(.sirenFirst, "it is silent at the second reading of danger")
  }

  // MARK: Inputs

  private func observe(_ observations: [Observation]) {
    guard let process, !process.isStopping else {
      sensors.dangerous = 0
      return
    }
    let now = clock.moment.monotonic
    beginInput()
    process.watchkeeper.take(observations.map { TimedObservation(time: now, observation: $0) })
    endInput()
  }

  func beginInput() { sensors.diskCalls = disk.operations }

  /// Whatever an input causes, the sensing thread has touched no disk.
  func endInput() {
    if disk.operations != sensors.diskCalls { breaks(.sirenFirst, "an input changes the disk before it returns") }
  }
}
