import Glibc

/// Lives of gateways in virtual time, each by its seed, until an invariant breaks or enough were lived.
@main
enum VirtualTime {
  static func main() {
    runDeterministically()
    do {
      let options = try Options(CommandLine.arguments.dropFirst())
      let watchList = try Site.watchList()
      let isWhole =
        options.proves ? Proof(watchList: watchList).run() : Survey(options: options, watchList: watchList).run()
      exit(isWhole ? 0 : 1)
    } catch let error as Options.Misuse {
      print("\(error.text)\n\(Options.usage)")
      exit(EX_USAGE)
    } catch {
      print("Failed to begin: \(error)")
      exit(EX_SOFTWARE)
    }
  }

  /// Dictionaries are gone through in an order that differs from process to process unless this is set before it starts.
  private static func runDeterministically() {
    let name = "SWIFT_DETERMINISTIC_HASHING"
    guard unsafe getenv(name) == nil else { return }
    unsafe setenv(name, "1", 1)
    unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
    print("Failed to set \(name)")
    exit(EX_OSERR)
  }
}

/// What is asked for.
struct Options {
  struct Misuse: Error {
    var text: String
  }

  static let usage = """
    usage: mimamori-virtual-time [--seeds FIRST..LAST] [--hours HOURS] [--minutes MINUTES]
           mimamori-virtual-time --prove
    --plant    with a planted fault, by its name: to see how seldom it shows
    --seeds    one life for each of these, 1..20 unless it is said
    --hours    of each life before everything heals, 100 unless it is said
    --minutes  so many minutes of seeds, from the first on
    --prove    a fault is planted for each invariant, and must be found by it
    """

  var seeds: ClosedRange<UInt64> = 1...20
  var hours = 100
  /// Of the wall clock.
  var seconds: Double?
  var proves = false
  var plant: PlantedFault?

  init(_ arguments: some Sequence<String>) throws(Misuse) {
    var iterator = arguments.makeIterator()
    while let argument = iterator.next() {
      guard argument != "--prove" else {
        proves = true
        continue
      }
      guard let value = iterator.next() else { throw Misuse(text: "\(argument) needs a value") }
      switch argument {
      case "--seeds":
        let ends = value.split(separator: ".", omittingEmptySubsequences: true).compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last, ends.count <= 2, first <= last else {
          throw Misuse(text: "\(value) is no range of seeds")
        }
        seeds = first...last
      case "--hours":
        guard let number = Int(value), number > 0 else { throw Misuse(text: "\(value) is no number of hours") }
        hours = number
      case "--minutes":
        guard let number = Double(value), number > 0 else { throw Misuse(text: "\(value) is no number of minutes") }
        seconds = number * 60
      case "--plant":
        plant = PlantedFault.allCases.first { "\($0)" == value }
        if plant == nil { throw Misuse(text: "\(value) is no planted fault") }
      default: throw Misuse(text: "\(argument) is not known")
      }
    }
  }
}
