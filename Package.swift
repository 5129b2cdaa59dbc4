// swift-tools-version: 6.2

import PackageDescription

/// One dialect of Swift for every target: the strictest that the toolchain offers.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
]

/// The core is optimised in debug builds too, with its assertions: its property tests live through months and years.
let core = strict + [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "mimamori",
  products: [
    .executable(name: "mimamori-gateway", targets: ["mimamori-gateway"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // The C libraries: a module map and a shim each, one importer each.
    .target(name: "CGPIOD", linkerSettings: [.linkedLibrary("gpiod")]),
    .target(name: "CMosquitto", linkerSettings: [.linkedLibrary("mosquitto"), .linkedLibrary("ssl")]),
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "CCrypto", linkerSettings: [.linkedLibrary("crypto")]),
    .target(name: "CLinux"),
    .target(name: "CPoll"),
    .target(name: "CTOML", cxxSettings: [.define("TOML_EXCEPTIONS", to: "1")]),

    // The house, from the innermost room outwards.
    .target(name: "Observations", swiftSettings: core),
    .target(name: "Locks", swiftSettings: strict),
    .target(name: "SensorDrivers", dependencies: ["Observations", "Locks", "CGPIOD", "CPoll"], swiftSettings: strict),
    // The words are embedded as Wording/Languages, which `make words` writes: as bytes they take minutes to compile.
    .target(
      name: "Alerts", dependencies: ["Observations"], exclude: ["Wording/catalogue.txt"], swiftSettings: core),
    .target(
      name: "Delivery", dependencies: ["Observations", "Locks", "CSQLite", "CMosquitto", logging],
      swiftSettings: strict),
    .target(
      name: "Gateway",
      dependencies: [
        "Observations", "Locks", "SensorDrivers", "Alerts", "Delivery", "CTOML", "CCrypto", "CLinux", logging,
      ],
      resources: [.embedInCode("Schemas")],
      swiftSettings: strict),
    .target(name: "SimulatedSite", dependencies: ["Observations", "Locks", "SensorDrivers"], swiftSettings: strict),
    .executableTarget(
      name: "mimamori-gateway",
      dependencies: [
        "Observations", "SensorDrivers", "Alerts", "Delivery", "Gateway", "SimulatedSite", argumentParser, logging,
      ],
      swiftSettings: strict),

    // Measures the pure code for `make bench`; no product, so that it is installed nowhere.
    .executableTarget(
      name: "mimamori-benchmarks", dependencies: ["Observations", "SensorDrivers", "Alerts", "Gateway"],
      path: "Benchmarks/mimamori-benchmarks", swiftSettings: strict),

    // What several of the tests use.
    .target(name: "TestData", path: "Tests/TestData", swiftSettings: strict),
    .target(name: "CFaultyDisk", path: "Tests/Support/CFaultyDisk", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "FaultyDisk", dependencies: ["CFaultyDisk", "Delivery", "Locks"], path: "Tests/Support/FaultyDisk",
      swiftSettings: strict),
    // Lives of the gateway in virtual time, for `make virtual-time`; no product, so that it is installed nowhere.
    .executableTarget(
      name: "mimamori-virtual-time",
      dependencies: [
        "Gateway", "Alerts", "Delivery", "SensorDrivers", "FaultyDisk", "Observations", "Locks", logging,
      ],
      path: "Tests/VirtualTime", swiftSettings: strict),
    .testTarget(name: "ObservationsTests", dependencies: ["Observations"], swiftSettings: strict),
    .testTarget(name: "LocksTests", dependencies: ["Locks"], swiftSettings: strict),
    .testTarget(
      name: "SensorDriversTests",
      dependencies: ["SensorDrivers", "SimulatedSite", "Observations", "Locks", "TestData"],
      exclude: ["Golden"], swiftSettings: strict),
    .testTarget(
      name: "AlertsTests", dependencies: ["Alerts", "Observations", "TestData"], exclude: ["Golden"],
      swiftSettings: strict),
    .testTarget(
      name: "DeliveryTests", dependencies: ["Delivery", "FaultyDisk", "Alerts", "Observations", "Locks", logging],
      swiftSettings: strict),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Gateway", "Alerts", "Delivery", "SensorDrivers", "SimulatedSite", "Observations", "Locks", "TestData", logging,
      ],
      exclude: ["BrokenConfigurations"], swiftSettings: strict),
  ],
  cxxLanguageStandard: .cxx17
)
