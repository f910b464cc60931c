using Fleet.Agent.Inference;
using Fleet.Agent.Validation;

return args switch
{
    ["infer-host", .. var rest] => await InferenceHostProgram.RunAsync(rest, CancellationToken.None),
    ["validate", .. var rest] => await ValidationProgram.RunAsync(rest, CancellationToken.None),
    _ => 2,
};
