using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Http;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts;

/// <summary>Generated serialization of everything on the wire: camelCase, unknown fields ignored, nothing by reflection.</summary>
/// <remarks>
/// A property with a default is <c>set</c>, not <c>init</c>: generated code assigns every <c>init</c> property, so that a key
/// that is absent would read as 0 or null instead of the default. A test holds every contract to it.
/// </remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    Converters =
    [
        typeof(FiniteConverter),
        typeof(ListConverter<AlarmView>), typeof(ListConverter<ApiKeyView>), typeof(ListConverter<ArtifactView>),
        typeof(ListConverter<ArtifactReference>),
        typeof(ListConverter<Assignment>),
        typeof(ListConverter<AuditChangeView>), typeof(ListConverter<AuditView>), typeof(ListConverter<BuildView>),
        typeof(ListConverter<ChangeView>), typeof(ListConverter<DeviceRolloutView>),
        typeof(ListConverter<DeviceView>), typeof(ListConverter<DsseEnvelope>), typeof(ListConverter<DsseSignature>),
        typeof(ListConverter<AugmentationTrial>), typeof(ListConverter<ClassFigures>), typeof(ListConverter<Confusion>),
        typeof(ListConverter<CourseTrial>), typeof(ListConverter<EpochReport>), typeof(ListConverter<GenerationReport>),
        typeof(ListConverter<CanaryFinding>), typeof(ListConverter<ModelResource>), typeof(ListConverter<CanaryMetricPlan>),
        typeof(ListConverter<FeaturePairSpec>), typeof(ListConverter<FloorReport>), typeof(ListConverter<FoldsReport>),
        typeof(ListConverter<LabelFigures>), typeof(ListConverter<AnomalyKind>), typeof(ListConverter<Scoring.PrecisionAtRecall>),
        typeof(ListConverter<HardwareProfile>), typeof(ListConverter<HealthWarning>), typeof(ListConverter<WarnedDevice>),
        typeof(ListConverter<InputShape>), typeof(ListConverter<LayerReport>), typeof(ListConverter<LayerInspection>),
        typeof(ListConverter<InferenceStats>), typeof(ListConverter<LossSpec>), typeof(ListConverter<MetricValue>),
        typeof(ListConverter<MetricInterval>),
        typeof(ListConverter<OrderedTiming>), typeof(ListConverter<ReportedTiming>), typeof(ListConverter<TimedFile>),
        typeof(ListConverter<OrderedRelease>), typeof(ListConverter<ProcessorProof>), typeof(ListConverter<ReleaseKey>),
        typeof(ListConverter<ReleaseView>), typeof(ListConverter<ReportedModel>), typeof(ListConverter<RolloutExclusion>),
        typeof(ListConverter<RolloutView>), typeof(ListConverter<SessionView>), typeof(ListConverter<StatementSubject>),
        typeof(ListConverter<LayerBits>), typeof(ListConverter<StatePair>), typeof(ListConverter<Threshold>),
        typeof(ListConverter<TelemetryPoint>),
        typeof(ListConverter<ModelVersionView>), typeof(ListConverter<ModelView>), typeof(ListConverter<TelemetryView>),
        typeof(ListConverter<TargetView>), typeof(ListConverter<PinView>), typeof(ListConverter<PendingDeviceView>),
        typeof(ListConverter<StrangerView>), typeof(ListConverter<PhaseDeadline>), typeof(ListConverter<RolloutPreviewDevice>),
        typeof(ListConverter<RolloutPreviewTarget>), typeof(ListConverter<PlannedRelease>), typeof(ListConverter<DeviceModelView>),
        typeof(ListConverter<TensorDescription>), typeof(ListConverter<TokenView>),
        typeof(ListConverter<Variant>), typeof(ListConverter<VariantTime>),
        typeof(ListConverter<MeasuredForm>), typeof(ListConverter<ValueStats>), typeof(ListConverter<VariantReport>),
        typeof(ListConverter<VariantRecipe>),
        typeof(ListConverter<ClassCount>), typeof(ListConverter<ValueRange>), typeof(ListConverter<SampleView>),
        typeof(ListConverter<TableColumn>),
        typeof(ListConverter<WidthTrial>), typeof(ListConverter<SearchTrial>), typeof(ListConverter<SearchRung>),
        typeof(ListConverter<SeedReport>), typeof(ListConverter<SeedsFigure>),
        typeof(ListConverter<WavePlan>), typeof(ListConverter<WithdrawnRelease>),
        typeof(ListConverter<WaveView>), typeof(ListConverter<string>), typeof(ListConverter<ModelView>),
        typeof(ListConverter<ModelVersionView>), typeof(ListConverter<byte[]>),
    ])]
[JsonSerializable(typeof(DesiredState))]
[JsonSerializable(typeof(ReportedState))]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(CarriedReport))]
[JsonSerializable(typeof(ReportFile))]
[JsonSerializable(typeof(Presence))]
[JsonSerializable(typeof(TelemetryBatch))]
[JsonSerializable(typeof(DsseEnvelope))]
[JsonSerializable(typeof(IReadOnlyList<DsseEnvelope>))]
[JsonSerializable(typeof(ReleaseStatement))]
[JsonSerializable(typeof(ModelStatement))]
[JsonSerializable(typeof(SigstoreBundle))]
[JsonSerializable(typeof(ReleaseKey))]
[JsonSerializable(typeof(TrustRoot))]
[JsonSerializable(typeof(DeviceOrder))]
[JsonSerializable(typeof(ReleaseManifest))]
[JsonSerializable(typeof(DeviceFacts))]
[JsonSerializable(typeof(HardwareProfile))]
[JsonSerializable(typeof(Scores))]
[JsonSerializable(typeof(MetricValue))]
[JsonSerializable(typeof(LatencySummary))]
[JsonSerializable(typeof(Threshold))]
[JsonSerializable(typeof(TimeSpan))]
[JsonSerializable(typeof(ValidationGate))]
[JsonSerializable(typeof(ValidationRequest))]
[JsonSerializable(typeof(ValidationReply))]
[JsonSerializable(typeof(BuildSpec))]
[JsonSerializable(typeof(BuildReport))]
[JsonSerializable(typeof(QuantizationRequest))]
[JsonSerializable(typeof(QuantizationReport))]
[JsonSerializable(typeof(QuantizationRecipe))]
[JsonSerializable(typeof(Preprocessing))]
[JsonSerializable(typeof(InputForm))]
[JsonSerializable(typeof(DataRequest))]
[JsonSerializable(typeof(DataReport))]
[JsonSerializable(typeof(InspectionRequest))]
[JsonSerializable(typeof(InspectionReport))]
[JsonSerializable(typeof(BuildProgress))]
[JsonSerializable(typeof(ProofRequest))]
[JsonSerializable(typeof(ProofReport))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(CreateTokenRequest))]
[JsonSerializable(typeof(CreateTokenResponse))]
[JsonSerializable(typeof(IReadOnlyList<TokenView>))]
[JsonSerializable(typeof(EnrollRequest))]
[JsonSerializable(typeof(EnrollResponse))]
[JsonSerializable(typeof(RenewRequest))]
[JsonSerializable(typeof(SelfResponse))]
[JsonSerializable(typeof(ServerView))]
[JsonSerializable(typeof(ReenrollRequest))]
[JsonSerializable(typeof(IReadOnlyList<PendingDeviceView>))]
[JsonSerializable(typeof(KeysView))]
[JsonSerializable(typeof(RootChange))]
[JsonSerializable(typeof(IReadOnlyList<DeviceView>))]
[JsonSerializable(typeof(SetLabelsRequest))]
[JsonSerializable(typeof(ImportedReportView))]
[JsonSerializable(typeof(IReadOnlyList<BuildView>))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(LeaseResponse))]
[JsonSerializable(typeof(ProgressRequest))]
[JsonSerializable(typeof(CompleteRequest))]
[JsonSerializable(typeof(FailRequest))]
[JsonSerializable(typeof(TimingRequest))]
[JsonSerializable(typeof(TimingView))]
[JsonSerializable(typeof(CreateReleaseRequest))]
[JsonSerializable(typeof(IReadOnlyList<ReleaseView>))]
[JsonSerializable(typeof(RolloutPlan))]
[JsonSerializable(typeof(RolloutPreview))]
[JsonSerializable(typeof(IReadOnlyList<ModelView>))]
[JsonSerializable(typeof(IReadOnlyList<RolloutView>))]
[JsonSerializable(typeof(IReadOnlyList<DeviceRolloutView>))]
[JsonSerializable(typeof(IReadOnlyList<TelemetryView>))]
[JsonSerializable(typeof(CreateApiKeyRequest))]
[JsonSerializable(typeof(CreateApiKeyResponse))]
[JsonSerializable(typeof(IReadOnlyList<ApiKeyView>))]
[JsonSerializable(typeof(IReadOnlyList<ArtifactView>))]
[JsonSerializable(typeof(SweepRequest))]
[JsonSerializable(typeof(SweepView))]
[JsonSerializable(typeof(IReadOnlyList<SessionView>))]
[JsonSerializable(typeof(IReadOnlyList<AuditView>))]
[JsonSerializable(typeof(AuditVerification))]
[JsonSerializable(typeof(IReadOnlyList<TargetView>))]
[JsonSerializable(typeof(SetTargetRequest))]
[JsonSerializable(typeof(IReadOnlyList<PinView>))]
[JsonSerializable(typeof(SetPinRequest))]
[JsonSerializable(typeof(IReadOnlyList<StrangerView>))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(ReleasePreview))]
[JsonSerializable(typeof(ChangesView))]
public sealed partial class FleetJson : JsonSerializerContext
{
    /// <summary>The same with line breaks, for files that people open.</summary>
    public static FleetJson Indented => field ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = true });

    /// <summary>The same, refusing keys it does not know: for what people write by hand.</summary>
    public static FleetJson Strict
        => field ??= new(new JsonSerializerOptions(Default.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow });
}
