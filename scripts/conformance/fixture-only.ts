// Scenarios of the public suite that the product cannot pass, because they use a name that only the suite's own fixture
// has. A scenario that is listed here and passes is a mistake in this list.

const tool = (name: string) => `calls the tool ${name}`
const prompt = (name: string) => `asks for the prompt ${name}`
const resource = (uri: string) => `reads the resource ${uri}`

export const FIXTURE_ONLY: Readonly<Record<string, string>> = {
  'tools-call-simple-text': tool('test_simple_text'),
  'tools-call-image': tool('test_image_content'),
  'tools-call-audio': tool('test_audio_content'),
  'tools-call-embedded-resource': tool('test_embedded_resource'),
  'tools-call-mixed-content': tool('test_multiple_content_types'),
  'tools-call-with-logging': tool('test_tool_with_logging'),
  'tools-call-error': tool('test_error_handling'),
  'tools-call-with-progress': tool('test_tool_with_progress'),
  'tools-call-sampling': tool('test_sampling'),
  'tools-call-elicitation': tool('test_elicitation'),
  'elicitation-sep1034-defaults': tool('test_elicitation_sep1034_defaults'),
  'elicitation-sep1330-enums': tool('test_elicitation_sep1330_enums'),
  'resources-read-text': resource('test://static-text'),
  'resources-read-binary': resource('test://static-binary'),
  'resources-templates-read': resource('test://template/123/data'),
  // The product declares no subscription there: without sessions the older revisions have no channel for it.
  'resources-subscribe': 'subscribes to test://watched-resource in the older revisions',
  'resources-unsubscribe': 'subscribes to test://watched-resource in the older revisions',
  'prompts-get-simple': prompt('test_simple_prompt'),
  'prompts-get-with-args': prompt('test_prompt_with_arguments'),
  'prompts-get-embedded-resource': prompt('test_prompt_with_embedded_resource'),
  'prompts-get-with-image': prompt('test_prompt_with_image'),
  'server-stateless': `${tool('test_missing_capability')}, test_streaming_elicitation and test_logging_tool`,
  'input-required-result-basic-elicitation': tool('test_input_required_result_elicitation'),
  'input-required-result-basic-sampling': tool('test_input_required_result_sampling'),
  'input-required-result-basic-list-roots': tool('test_input_required_result_list_roots'),
  'input-required-result-request-state': tool('test_input_required_result_request_state'),
  'input-required-result-multiple-input-requests': tool('test_input_required_result_multiple_inputs'),
  'input-required-result-multi-round': tool('test_input_required_result_multi_round'),
  'input-required-result-non-tool-request': prompt('test_input_required_result_prompt'),
  'input-required-result-result-type': tool('test_input_required_result_elicitation'),
  'input-required-result-tampered-state': tool('test_input_required_result_tampered_state'),
  'input-required-result-capability-check': tool('test_input_required_result_capabilities'),
}

/** Checks of server-stateless that call those tools; the product passes all the others. */
export const STATELESS_FIXTURE_CHECKS: readonly string[] = [
  'sep-2575-server-rejects-undeclared-capability',
  'sep-2575-missing-capability-http-400',
  'sep-2575-http-server-no-independent-requests-on-stream',
  'sep-2575-server-no-log-without-loglevel',
]
