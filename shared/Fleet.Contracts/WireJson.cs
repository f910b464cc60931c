using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Http;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts;

/// <summary>
/// What a device reads and writes, in the very form of <see cref="FleetJson"/>. A context is compiled as a whole: with that one, the
/// program of a device would hold the code for every view and request of the operators' API.
/// </summary>
/// <remarks>Everything in this library that a device runs serializes by it; the size of the compiled agent is a test.</remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    Converters =
    [
        typeof(FiniteConverter),
        typeof(ListConverter<Assignment>), typeof(ListConverter<DsseEnvelope>), typeof(ListConverter<DsseSignature>),
        typeof(ListConverter<HardwareProfile>), typeof(ListConverter<InferenceStats>), typeof(ListConverter<MetricValue>),
        typeof(ListConverter<ModelResource>), typeof(ListConverter<OrderedRelease>), typeof(ListConverter<ReleaseKey>),
        typeof(ListConverter<OrderedTiming>), typeof(ListConverter<ReportedTiming>),
        typeof(ListConverter<ReportedModel>), typeof(ListConverter<StatementSubject>), typeof(ListConverter<TensorDescription>),
        typeof(ListConverter<Threshold>), typeof(ListConverter<ValueStats>), typeof(ListConverter<Variant>),
        typeof(ListConverter<VariantTime>),
        typeof(ListConverter<WithdrawnRelease>), typeof(ListConverter<string>), typeof(ListConverter<byte[]>),
        typeof(ListConverter<TableColumn>),
    ])]
[JsonSerializable(typeof(DesiredState))]
[JsonSerializable(typeof(ReportedState))]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(CarriedReport))]
[JsonSerializable(typeof(ReportFile))]
[JsonSerializable(typeof(Presence))]
[JsonSerializable(typeof(TelemetryBatch))]
[JsonSerializable(typeof(DsseEnvelope))]
[JsonSerializable(typeof(ReleaseStatement))]
[JsonSerializable(typeof(ModelStatement))]
[JsonSerializable(typeof(SigstoreBundle))]
[JsonSerializable(typeof(TrustRoot))]
[JsonSerializable(typeof(DeviceOrder))]
[JsonSerializable(typeof(TimedFile))]
[JsonSerializable(typeof(HardwareProfile))]
[JsonSerializable(typeof(LatencySummary))]
[JsonSerializable(typeof(MetricValue))]
[JsonSerializable(typeof(Threshold))]
[JsonSerializable(typeof(TimeSpan))]
[JsonSerializable(typeof(ValidationRequest))]
[JsonSerializable(typeof(ValidationReply))]
[JsonSerializable(typeof(EnrollRequest))]
[JsonSerializable(typeof(EnrollResponse))]
[JsonSerializable(typeof(RenewRequest))]
[JsonSerializable(typeof(SelfResponse))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(InputForm))]
[JsonSerializable(typeof(FormVersion))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(IReadOnlyList<ReportedTiming>))]
public sealed partial class WireJson : JsonSerializerContext
{
    /// <summary>The same, refusing keys it does not know.</summary>
    public static WireJson Strict
        => field ??= new(new JsonSerializerOptions(Default.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow });
}
